"""The report's first screen."""

from pathlib import Path

import pytest

from analysis.answer import section
from analysis.evidence import Evidence
from analysis.page.blocks import Answer, Paragraph
from analysis.read.folder import read_searches
from tests.analysis.folders import write_searches
from tests.analysis.searches import TRIALS, summary, write_search


def answer(folder: Path) -> Answer:
    searches = {search.summary.regime: search for search in read_searches(folder)}
    evidence = Evidence([search.summary for search in searches.values()])
    (block,) = section.blocks(searches, evidence)
    assert isinstance(block, Answer)
    return block


def facts(found: Answer) -> dict[str, str]:
    return {fact.question: fact.answer for fact in found.facts}


def test_it_has_all_that_a_user_needs(tmp_path: Path) -> None:
    found = answer(write_searches(tmp_path, regimes=3, trials=12, epochs=3))
    assert " leads with trial " in found.headline and " % on test" in found.headline
    questions = ["Accuracy on test", "Accuracy on validation", "In the search"]
    questions += [f"Over {what}" for what in ("the best floor", "the runner-up", "trial 0")]
    assert list(facts(found)) == [*questions, "Errs most"]
    assert " -> intent_" in facts(found)["Errs most"]
    assert found.verdict.startswith(
        "On these test sentences there is no significant difference from "
    )
    assert any(warning.startswith("Data: 2 validation rows") for warning in found.warnings)
    configuration, commands = found.codes
    assert any(line.startswith("learning_rate: ") for line in configuration.lines)
    assert "search.export" in commands.lines[0] and "search.train" in commands.lines[1]
    assert {"Data", "Model", "Search", "Date", "Versions"} == {name for name, _ in found.provenance}


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
    found = answer(tmp_path)
    assert found.headline.startswith("llrd leads with trial 2")


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


@pytest.mark.parametrize(("on_test", "warned"), [(0.905, True), (0.89, True), (0.88, False)])
def test_a_floor_that_is_as_good_on_test_is_a_warning(
    on_test: float, warned: bool, tmp_path: Path
) -> None:
    """The mean of the winner's report runs on test is 89.0 %."""
    outcome = summary(floors=[{**FLOOR, "test_accuracy": on_test}])
    write_search(tmp_path / "one", outcome=outcome)
    found = answer(tmp_path)
    wanted = f"On test the floor probe is at least as good, {100 * on_test:.1f} % against 89.0 %."
    assert (wanted in found.warnings) is warned
    (over,) = (fact for fact in found.facts if fact.question == "Over the best floor")
    assert ", on test; ± " in over.note and "on new sentences; it may be chance" in over.note


@pytest.mark.parametrize("winner", [0, 2])
def test_the_configuration_names_trial_0s_values_where_they_differ(
    winner: int, tmp_path: Path
) -> None:
    write_search(tmp_path / "one", outcome=summary(winner_trial=winner))
    configuration, _ = answer(tmp_path).codes
    assert ("where trial 0 differs" in configuration.title) is (winner != 0)


def test_it_exists_without_a_confirmation_and_says_so(tmp_path: Path) -> None:
    found = answer(write_searches(tmp_path, regimes=2, trials=6, epochs=3, confirmed=False))
    assert found.headline.endswith("on validation, not confirmed")
    assert "Nothing is confirmed" in found.verdict
    assert facts(found)["Over the runner-up"].endswith(" points")


def test_an_unfinished_search_and_one_without_a_result(tmp_path: Path) -> None:
    write_search(tmp_path / "running", TRIALS)
    found = answer(tmp_path)
    assert "This search has not finished: the winner may change." in found.warnings
    write_search(tmp_path / "none" / "empty", [])
    searches = {search.spec["name"]: search for search in read_searches(tmp_path / "none")}
    (block,) = section.blocks(searches, Evidence([]))
    assert block == Paragraph("No trial completed: there is no winner yet.")
