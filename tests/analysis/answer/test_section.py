"""The report's first screen."""

import json
from pathlib import Path

import pytest

from analysis.answer import section
from analysis.evidence import Evidence
from analysis.page.blocks import Answer, Code, Paragraph
from analysis.read.folder import read_searches
from tests.analysis.folders import write_searches
from tests.analysis.searches import TRIALS, summary, write_search


def answer(folder: Path) -> Answer:
    searches = {search.summary.regime: search for search in read_searches(folder)}
    evidence = Evidence([search.summary for search in searches.values()])
    (block,) = section.blocks(searches, evidence)
    assert isinstance(block, Answer)
    return block


def facts(shown: Answer) -> dict[str, str]:
    return {fact.question: fact.answer for fact in shown.facts}


def test_it_has_all_that_a_user_needs(tmp_path: Path) -> None:
    shown = answer(write_searches(tmp_path, regimes=3, trials=12, epochs=3))
    assert " was chosen with trial " in shown.headline and " % on test" in shown.headline
    questions = ["Accuracy on test", "Accuracy on validation", "In the search"]
    questions += ["Over the best floor", "Over the runner-up", "Below trial 0"]
    assert list(facts(shown)) == [*questions, "Errs most"]
    assert " -> intent_" in facts(shown)["Errs most"]
    assert shown.verdict.startswith(
        "On these test sentences there is no significant difference from "
    )
    assert any(warning.startswith("Data: 2 validation rows") for warning in shown.warnings)
    configuration, commands = shown.codes
    assert any(line.startswith("learning_rate: ") for line in configuration.lines)
    assert "search.export" in commands.lines[0] and "search.train" in commands.lines[1]
    assert {"Data", "Model", "Search", "Date", "Versions"} == {name for name, _ in shown.provenance}


@pytest.mark.parametrize(
    ("optimizer", "shown"),
    [
        ("adamw", ["optimizer", "learning_rate", "batch_size"]),
        ("sgd", ["optimizer", "sgd_learning_rate", "momentum", "batch_size"]),
    ],
)
def test_the_configuration_has_what_its_optimizer_reads(
    optimizer: str, shown: list[str], tmp_path: Path
) -> None:
    values = {
        "optimizer": optimizer,
        "learning_rate": 1e-4,
        "sgd_learning_rate": 0.1,
        "momentum": 0.9,
    }
    own = {f"config.{name}": value for name, value in values.items()}
    trials = [row | own for row in TRIALS]
    write_search(tmp_path / "one", trials, outcome=summary("baseline"))
    configuration, _ = answer(tmp_path).codes
    assert {line.partition(":")[0] for line in configuration.lines} >= set(shown)
    hidden = {"learning_rate", "sgd_learning_rate", "momentum"} - set(shown)
    assert not hidden & {line.partition(":")[0] for line in configuration.lines}


def test_the_winner_is_the_one_that_was_chosen_not_the_best_reported(tmp_path: Path) -> None:
    """A reported accuracy chooses nothing: the highest of several would be too high."""
    for regime, chosen, reported in (("baseline", 0.88, 0.95), ("llrd", 0.90, 0.89)):
        outcome = summary(regime, choice_accuracy=chosen, confirmed_accuracy=[reported, reported])
        write_search(tmp_path / regime, outcome=outcome, regime=regime)
    shown = answer(tmp_path)
    assert shown.headline.startswith("llrd leads with trial 2")


FLOOR = {
    "regime": "probe",
    "chosen": "",
    "validation_accuracy": 0.89,
    "validation_loss": 1.0,
    "seconds": 3.0,
    "test_accuracy": 0.905,
    "test_loss": 1.0,
    "test_loss_paper": 1.0,
}


@pytest.mark.parametrize(
    ("on_test", "warning", "fact"),
    [
        (0.905, "1.5 ± 1.8 points below the floor probe on test, which may be chance", "Below"),
        (0.89, "no better than the floor probe on test", "Over"),
        (0.88, None, "Over"),
    ],
)
def test_a_floor_that_is_as_good_on_test_is_a_warning(
    on_test: float, warning: str | None, fact: str, tmp_path: Path
) -> None:
    """The mean of the winner's report runs on test is 89.0 %."""
    outcome = summary(floors=[{**FLOOR, "test_accuracy": on_test}])
    write_search(tmp_path / "one", outcome=outcome)
    shown = answer(tmp_path)
    if warning is None:
        assert not any("floor" in line for line in shown.warnings)
    else:
        assert f"On fresh seeds it is {warning}; --floor probe exports the floor." in shown.warnings
    (over,) = (each for each in shown.facts if each.question == f"{fact} the best floor")
    assert over.answer.startswith({0.905: "1.5 ±", 0.89: "+0.0 ±", 0.88: "+1.0 ±"}[on_test])
    assert ", on test; ± " in over.note and "on new sentences; it may be chance" in over.note


@pytest.mark.parametrize("winner", [0, 2])
def test_the_configuration_names_trial_0s_values_where_they_differ(
    winner: int, tmp_path: Path
) -> None:
    write_search(tmp_path / "one", outcome=summary(winner_trial=winner))
    configuration, _ = answer(tmp_path).codes
    assert ("where trial 0 differs" in configuration.title) is (winner != 0)


def test_it_exists_without_a_confirmation_and_says_so(tmp_path: Path) -> None:
    shown = answer(write_searches(tmp_path, regimes=2, trials=6, epochs=3, confirmed=False))
    assert " leads with trial 0, its defaults: " in shown.headline
    assert shown.headline.endswith("on validation, not confirmed")
    assert "Nothing is confirmed" in shown.verdict
    assert facts(shown)["Over the runner-up"].endswith(" points")


def test_an_unfinished_search_and_one_without_a_result(tmp_path: Path) -> None:
    write_search(tmp_path / "running", TRIALS)
    shown = answer(tmp_path)
    assert "This search has not finished: the winner may change." in shown.warnings
    write_search(tmp_path / "none" / "empty", [])
    searches = {search.spec["name"]: search for search in read_searches(tmp_path / "none")}
    said, how = section.blocks(searches, Evidence([]))
    assert said == Paragraph("No trial completed: there is no winner yet.")
    assert isinstance(how, Code) and "search.run --resume" in how.lines[0]


@pytest.mark.parametrize(("top", "flag"), [(8, ""), (0, " --confirm auto")])
def test_a_winner_without_fresh_seeds_comes_with_the_command_that_confirms_it(
    top: int, flag: str, tmp_path: Path
) -> None:
    """One that began with --no-confirm would go on without."""
    write_searches(tmp_path, regimes=1, trials=6, epochs=3, confirmed=False)
    path = tmp_path / "baseline" / "spec.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "confirm_top": top}))
    _, how = answer(tmp_path).codes
    assert how.lines[-2] == "# to confirm it:"
    assert how.lines[-1] == f"python -m search.run --resume baseline --results {tmp_path}{flag}"


def test_a_floor_that_no_search_beats_is_the_answer(tmp_path: Path) -> None:
    """With its own scores; the best search is named behind it."""
    scores = {"test_accuracy": 0.94, "test_loss": 0.2, "test_loss_paper": 0.1}
    floor = {"regime": "tfidf", "chosen": "", "seconds": 1.0, "validation_loss": None, **scores}
    won = summary(winner_trial=2, floors=[{**floor, "validation_accuracy": 0.95}])
    write_search(tmp_path / "one", outcome=won)
    found = answer(tmp_path)
    assert found.headline == (
        "The floor tfidf wins: 95.0 % on validation, 94.0 % on test. Best search: baseline, trial 2"
    )
    assert sum("floor" in warning for warning in found.warnings) == 1
