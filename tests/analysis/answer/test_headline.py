"""Who won, and with which score."""

from pathlib import Path

from tests.analysis.answer.first_screen import answer
from tests.analysis.searches import summary, write_search


def test_the_winner_is_the_one_that_was_chosen_not_the_best_reported(tmp_path: Path) -> None:
    """A reported accuracy chooses nothing: the highest of several would be too high."""
    for regime, chosen, reported in (("baseline", 0.88, 0.95), ("llrd", 0.90, 0.89)):
        outcome = summary(regime, choice_accuracy=chosen, confirmed_accuracy=[reported, reported])
        write_search(tmp_path / regime, outcome=outcome, regime=regime)
    shown = answer(tmp_path)
    assert shown.headline.startswith("llrd leads with trial 2")


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
