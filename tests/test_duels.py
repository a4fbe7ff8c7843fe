"""Which search is ahead, and what stopping early may have lost: small cases, counted out."""

from itertools import product
from pathlib import Path
from statistics import mean

import pandas
import pytest
from test_analysis import TRIALS, Page, summary, write_search

from analysis import budget, duels, report


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [([0.9, 0.8], [0.85, 0.7]), ([0.5, 0.6, 0.7], [0.6, 0.6]), ([0.1 + 0.2, 0.3], [0.3, 0.3]), ([0.9], [0.8]), ([0.4, 0.4], [0.4, 0.4])],
)
def test_the_bootstrap_counts_every_resample(ours: list[float], theirs: list[float]) -> None:
    """Against its definition: each resample of one side against each of the other."""
    wins = []
    for a in product(ours, repeat=len(ours)):
        for b in product(theirs, repeat=len(theirs)):
            gap = mean(a) - mean(b)
            wins.append(0.5 if abs(gap) < 1e-9 else float(gap > 0))
    assert duels.beats(ours, theirs) == pytest.approx(mean(wins))
    assert duels.beats(ours, theirs) + duels.beats(theirs, ours) == pytest.approx(1)


def test_many_seeds_are_drawn_instead_of_counted() -> None:
    high, low = [0.8 + 0.01 * number for number in range(9)], [0.1 + 0.01 * number for number in range(9)]
    assert duels.beats(high, low) == 1 and duels.beats(low, high) == 0
    assert duels.beats(high, high) == 0.5
    assert 0.5 < duels.beats(high, [one - 0.01 for one in high]) < 1


def test_a_side_without_runs_is_refused_and_one_run_is_left_out() -> None:
    with pytest.raises(ValueError, match="at least one run"):
        duels.beats([], [0.5])
    found = duels.table({"a": [0.9, 0.8], "b": [0.5], "c": [0.7, 0.6], "d": []})
    assert found[["regime", "other", "probability"]].to_numpy().tolist() == [["a", "c", 1.0], ["c", "a", 0.0]]


def test_the_report_says_who_is_ahead_and_how_surely(tmp_path: Path) -> None:
    write_search(tmp_path / "one", found=summary(confirmed=[0.80, 0.90]))
    write_search(tmp_path / "two", found=summary("llrd", confirmed=[0.85, 0.93]), regime="llrd")
    page = Page(report.report(tmp_path).read_text())
    # Means of resamples: 80, 85, 85, 90 against 85, 89, 89, 93; of 16 pairs llrd wins 11, and two are ties.
    assert "Highest on validation over fresh seeds: llrd, 89.0 ± 50.8 % (n=2), 4.0 points above baseline" in page.text
    assert f"ahead with a probability of {(11 + 1) / 16:.0%}" in page.text
    assert "the row's mean test accuracy" in page.text  # both met the test split, with equal scores
    assert pandas.read_csv(tmp_path / "report_duels.csv")["probability"].tolist() == [0.5, 0.5]


def test_the_winner_is_held_against_its_own_fresh_seeds(tmp_path: Path) -> None:
    page = Page(report.report(write_search(tmp_path / "one", found=summary(confirmed=[0.84, 0.86]))).read_text())
    assert "the winner scored 90.0 % in the search and 85.0 ± 12.7 % (n=2) on fresh seeds, -5.0 points" in page.text


def curves(*rows: list[float]) -> pandas.DataFrame:
    """The epochs of trials 0, 1, ..., by their accuracies."""
    return pandas.DataFrame(
        [
            {"trial": trial, "kind": "search", "epoch": epoch, "validation_accuracy": value}
            for trial, row in enumerate(rows)
            for epoch, value in enumerate(row, 1)
        ]
    )


def test_winners_that_stopping_may_have_lost() -> None:
    """Two trials at full budget gained 0.1 and 0.5 after epoch 1. Stopped there at 0.5, a trial would have come to 0.6 and 1.0."""
    trials = pandas.DataFrame(
        {
            "number": [0, 1, 2, 3],
            "state": ["COMPLETE", "COMPLETE", "PRUNED", "PRUNED"],
            "validation_accuracy": [0.8, 0.7, None, None],
            "best_accuracy": [0.8, 0.7, 0.5, 0.1],
            "epochs": [2, 2, 1, 1],
        }
    )
    epochs = curves([0.7, 0.8], [0.2, 0.7], [0.5], [0.1])
    assert budget.missed(trials, epochs) == 0.5
    assert budget.missed(trials[trials["state"] == "COMPLETE"], epochs) is None
    assert budget.missed(trials[trials["state"] == "PRUNED"], epochs) is None


def test_cost_adds_up() -> None:
    trials = pandas.DataFrame(TRIALS).assign(seconds=[1800.0, 900.0, 900.0, 0.0])
    found = budget.cost(trials, pandas.DataFrame({"seconds": [360.0, 360.0]}))
    assert found == {"trials": 4, "epochs": 7, "hours": 1.0, "confirmation_hours": 0.2}
