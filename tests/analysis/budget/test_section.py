"""What the report says about budgets."""

from pathlib import Path

import pandas
import pytest

from analysis import report
from analysis.budget.outlook import FURTHER_TRIALS, Ended, expected_gain
from tests.analysis.searches import (
    Page,
    summary,
    write_search,
)


def test_report_says_what_budget_and_pruning_did(tmp_path: Path) -> None:
    write_search(tmp_path / "a", outcome=summary(name="a"))
    write_search(tmp_path / "b", outcome=summary("supcon", name="b$x_1$"), regime="supcon")
    page = Page(report.report(tmp_path).read_text())
    assert (
        "1 of 3 trials were pruned. They trained 7 epochs instead of 9, which saved 0 % of the"
        " time." in page.text
    )
    assert (
        "baseline found 90.0 % with 4 trials, and half of them would have found 80.0 %;"
        in page.text
    )
    assert page.text.count("The best validation accuracy to expect from n of the trials") == 1
    table = pandas.read_csv(tmp_path / "report_budget.csv")
    assert list(table.groupby("search").size()) == [4, 4] and table["expected"].iloc[
        0
    ] == pytest.approx(0.5375)


def test_the_time_of_a_short_search_is_not_zero(tmp_path: Path) -> None:
    folder = write_search(tmp_path / "one", outcome=summary(seconds=12.0))
    report.report(folder)
    assert (
        "| baseline | 4 | 7 | 12s | 6s | 0s |" in (folder / "report.md").read_text()
    )  # four trials of 1.5 s


@pytest.mark.parametrize("known", [True, False])
def test_report_says_what_more_trials_are_expected_to_bring(known: bool, tmp_path: Path) -> None:
    """A starting point that is far ahead is no draw of the sampler, and a failure has no score.
    Tables of earlier versions do not say which trials were given."""
    scores = [0.9, *(0.7 + 0.01 * number for number in range(10))]
    complete = {"state": "COMPLETE", "epochs": 3}
    trials = [
        {"number": number, "best_validation_accuracy": score, **complete}
        | ({"given": number == 0} if known else {})
        for number, score in enumerate(scores)
    ]
    failed = {"number": 11, "state": "FAIL", "epochs": 2, "best_validation_accuracy": 0.99}
    pruned = {"number": 12, "state": "PRUNED", "epochs": 1, "best_validation_accuracy": 0.5}
    extra = {"given": False} if known else {}
    write_search(tmp_path / "a", [*trials, failed | extra, pruned | extra], summary(name="a"))
    page = Page(report.report(tmp_path / "a").read_text())
    curve = {epoch: 0.2 * epoch for epoch in (1, 2, 3)}
    seen = [
        *(Ended(curve, score, given=known and place == 0) for place, score in enumerate(scores)),
        Ended(curve, 0.0, given=False),
        Ended({1: 0.2}, None, given=False),
    ]
    gain = expected_gain(seen)
    assert gain is not None
    assert f"{FURTHER_TRIALS} more trials: baseline {100 * gain:+.1f} points" in page.text
