"""The report's first screen."""

from pathlib import Path

from analysis.answer import section
from analysis.evidence import Evidence
from analysis.page.blocks import Code, Paragraph
from analysis.read.folder import read_searches
from tests.analysis.answer.first_screen import answer, facts
from tests.analysis.folders import write_searches
from tests.analysis.searches import TRIALS, write_search

REPORT = "python -m analysis.report"


def test_it_has_all_that_a_user_needs(tmp_path: Path) -> None:
    shown = answer(write_searches(tmp_path, regimes=3, trials=12, epochs=3))
    assert " was chosen with trial " in shown.headline and " % on test" in shown.headline
    questions = ["Accuracy on test", "Accuracy on validation", "In the search"]
    questions += ["Over the best floor", "Below trial 0"]
    found = list(facts(shown))
    (runner_up,) = {*found} - {*questions, "Errs most"}
    assert runner_up.split()[0] in ("Over", "Below") and found[4] == runner_up
    assert " taken for 'intent_" in facts(shown)["Errs most"]
    assert shown.verdict.startswith("On these test sentences, ")
    assert " does not differ significantly from " in shown.verdict
    assert any(warning.startswith("Data: 2 validation rows") for warning in shown.warnings)
    configuration, commands = shown.codes
    assert any(line.startswith("learning_rate: ") for line in configuration.lines)
    assert "search.export" in commands.lines[0] and "search.train" in commands.lines[1]
    assert {"Data", "Model", "Search", "Date", "Versions"} == {name for name, _ in shown.provenance}


def test_it_exists_without_a_confirmation_and_says_so(tmp_path: Path) -> None:
    shown = answer(write_searches(tmp_path, regimes=2, trials=6, epochs=3, confirmed=False))
    assert " leads with trial 0, its defaults: " in shown.headline
    assert shown.headline.endswith("on validation, not confirmed")
    assert "Nothing is confirmed" in shown.verdict
    assert any(
        name.startswith("Over ") and text.endswith(" points") for name, text in facts(shown).items()
    )


def test_one_search_alone_comes_with_the_command_that_compares_all(tmp_path: Path) -> None:
    shown = answer(write_searches(tmp_path, regimes=1, trials=6, epochs=3))
    assert shown.verdict == f"To compare all in the folder: {REPORT} {tmp_path}"
    assert not any("runner-up" in fact.note for fact in shown.facts)


def test_an_unfinished_search_and_one_without_a_result(tmp_path: Path) -> None:
    write_search(tmp_path / "running", TRIALS)
    shown = answer(tmp_path)
    assert "This search has not finished: the winner may change." in shown.warnings
    write_search(tmp_path / "none" / "empty", [])
    searches = {search.spec["name"]: search for search in read_searches(tmp_path / "none")}
    said, how = section.blocks(searches, Evidence([]))
    assert said == Paragraph("No trial completed: there is no winner yet.")
    assert isinstance(how, Code) and "search.run --resume" in how.lines[0]
