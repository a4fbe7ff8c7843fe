"""Which search is ahead, and what stopping early may have lost: small cases, counted out."""

from pathlib import Path

import numpy as np
import pandas
import pytest
from scipy.stats import ttest_ind

from analysis import report, text
from analysis.budget import numbers as budget
from analysis.comparison import duels
from tests.analysis.test_analysis import TRIALS, Page, summary, write_search


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [([0.9, 0.8], [0.85, 0.7]), ([0.5, 0.6, 0.7], [0.6, 0.65, 0.6]), ([0.41, 0.43], [0.5, 0.44])],
)
def test_the_interval_of_a_difference_is_welchs(ours: list[float], theirs: list[float]) -> None:
    """Against SciPy, the smaller first: its interval holds the same bounds."""
    found = duels.gap(ours, theirs)
    expected = ttest_ind(ours, theirs, equal_var=False).confidence_interval(0.95)
    assert found.half_width is not None
    assert (found.value - found.half_width, found.value + found.half_width) == pytest.approx(
        (expected.low, expected.high)
    )
    assert duels.gap(theirs, ours) == duels.Gap(
        pytest.approx(-found.value), pytest.approx(found.half_width)
    )


@pytest.mark.parametrize("grid", [None, 200], ids=["exact", "200 sentences"])
@pytest.mark.parametrize("spread", [1.0, 3.0], ids=["equal spreads", "three times the spread"])
@pytest.mark.parametrize(("n", "other"), [(2, 2), (3, 3), (5, 5), (2, 5)])
def test_equal_recipes_are_seldom_called_ahead(
    n: int, other: int, spread: float, grid: int | None
) -> None:
    """The claim is held to its level of 5 %, within two standard errors of 4,000 cases; accuracies
    may be coarse."""
    generator, cases = np.random.default_rng(0), 4000
    called = 0
    for _ in range(cases):
        pair = [
            0.8 + 0.005 * generator.standard_normal(n),
            0.8 + 0.005 * spread * generator.standard_normal(other),
        ]
        ours, theirs = (
            list(side if grid is None else np.round(grid * side) / grid) for side in pair
        )
        called += duels.gap(ours, theirs).exceeds
    assert called / cases <= 0.05 + 2 * (0.05 * 0.95 / cases) ** 0.5


@pytest.mark.parametrize("n", [2, 3, 5])
def test_the_first_of_many_equal_recipes_is_seldom_called_ahead_of_the_second(n: int) -> None:
    """The report holds the highest of all means against the next, which are nearer to each other
    than two at random."""
    generator, cases = np.random.default_rng(0), 2000
    called = 0
    for _ in range(cases):
        runs = sorted(0.8 + 0.005 * generator.standard_normal((7, n)), key=np.mean)
        called += duels.gap(list(runs[-1]), list(runs[-2])).exceeds
    assert called / cases <= 0.05


def test_a_recipe_that_is_better_is_called_ahead() -> None:
    generator = np.random.default_rng(0)
    called = [
        duels.gap(
            0.82 + 0.005 * generator.standard_normal(5), 0.8 + 0.005 * generator.standard_normal(5)
        )
        for _ in range(500)
    ]
    assert sum(one.exceeds and one.value > 0 for one in called) > 475 and not any(
        one.exceeds and one.value < 0 for one in called
    )


def test_runs_without_a_spread_have_no_interval_and_no_verdict() -> None:
    with pytest.raises(ValueError, match="at least one run"):
        duels.gap([], [0.5])
    assert duels.gap([0.9], [0.5, 0.6]) == duels.Gap(pytest.approx(0.35), None)
    equal = duels.gap([0.1 + 0.2, 0.3], [0.2, 0.2])
    assert equal.half_width is None and not equal.exceeds and str(equal) == "+10.0"
    found = duels.table({"a": [0.9, 0.8], "b": [0.5], "c": [0.7, 0.6], "d": []})
    assert list(zip(found["regime"], found["other"])) == [
        ("a", "b"),
        ("a", "c"),
        ("b", "a"),
        ("b", "c"),
        ("c", "a"),
        ("c", "b"),
    ]
    assert found["half_width"].notna().tolist() == [False, True, False, False, True, False]


def test_the_report_says_who_is_ahead_and_how_surely(tmp_path: Path) -> None:
    """Two seeds of each: 4 points are within their noise, 40 are not; one seed tells nothing."""
    for name, other in {"near": [0.85, 0.93], "far": [0.45, 0.451], "one": [0.95]}.items():
        write_search(
            tmp_path / name / "one",
            found=summary(confirmed_accuracy=[0.80, 0.90] if name == "near" else [0.85, 0.851]),
        )
        write_search(
            tmp_path / name / "two", found=summary("llrd", confirmed_accuracy=other), regime="llrd"
        )
    said = {
        name: Page(report.report(tmp_path / name).read_text()).text
        for name in ("near", "far", "one")
    }
    assert (
        "Highest mean on validation: llrd, 89.0 ± 50.8 % (n=2), 4.0 points above baseline"
        in said["near"]
    )
    assert (
        "is -24.9 to +32.9 points, so these runs do not tell which of the two is better."
        in said["near"]
    )
    assert ": baseline is ahead on these sentences." in said["far"]
    assert (
        "nothing tells which of the two is better." in said["one"]
        and "ahead on these" not in said["one"]
    )
    assert (
        "the row's mean test accuracy" not in said["near"]
        and "The row's mean test accuracy" in said["near"]
    )
    assert "probability" not in "".join(said.values())
    assert pandas.read_csv(tmp_path / "near" / "report_duels.csv")["difference"].tolist() == [
        0.0,
        0.0,
    ]


def test_the_winner_is_held_against_its_own_fresh_seeds(tmp_path: Path) -> None:
    page = Page(
        report.report(
            write_search(tmp_path / "one", found=summary(confirmed_accuracy=[0.84, 0.86]))
        ).read_text()
    )
    assert (
        "the winner scored 90.0 % in the search and 85.0 ± 12.7 % (n=2) on fresh seeds, -5.0 points"
        in page.text
    )


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
    """Two trials at full budget gained 0.1 and 0.5 after epoch 1.

    Stopped there at 0.5, a trial would have come to 0.6 and 1.0.
    """
    trials = pandas.DataFrame(
        {
            "number": [0, 1, 2, 3],
            "state": ["COMPLETE", "COMPLETE", "PRUNED", "PRUNED"],
            "validation_accuracy": [0.8, 0.7, None, None],
            "best_validation_accuracy": [0.8, 0.7, 0.5, 0.1],
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
    assert found == {"trials": 4, "epochs": 7, "seconds": 3600, "confirmation_seconds": 720}


def test_confirmations_cost_what_passed_from_their_begin_to_their_end() -> None:
    """Two epochs of 1 s in a run of 30 s, which was building its model before; of an older run only
    its epochs are known."""
    rows = [
        (0, 1, 1.0, 100.0, 129.0),
        (0, 1, 1.0, 100.0, 130.0),
        (0, 2, 1.0, None, None),
        (0, 2, 1.0, None, None),
    ]
    found = pandas.DataFrame(rows, columns=["trial", "seed", "seconds", "began", "ended"])
    assert (
        budget.cost(pandas.DataFrame(TRIALS).assign(seconds=1.0), found)["confirmation_seconds"]
        == 30 + 2
    )


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0s"),
        (0.004, "0.1s"),
        (0.3, "0.3s"),
        (0.97, "1s"),
        (59.6, "1m00s"),
        (200, "3m20s"),
        (3599.6, "1h00m"),
        (7199, "2h00m"),
    ],
)
def test_a_time_is_shown_in_its_unit(seconds: float, shown: str) -> None:
    assert text.duration(seconds) == shown


def test_what_a_short_search_took_is_not_nothing(tmp_path: Path) -> None:
    folder = write_search(tmp_path / "one", found=summary(seconds=12.0))
    report.report(folder)
    assert (
        "| baseline | 4 | 7 | 12s | 6s | 0s |" in (folder / "report.md").read_text()
    )  # four trials of 1.5 s
