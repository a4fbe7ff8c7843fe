"""Differences between winners: SciPy's interval, and its error rate on equal recipes."""

import numpy as np
import pytest
from scipy.stats import ttest_ind

from analysis.comparison.pairwise import pairwise_difference, pairwise_table


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [([0.9, 0.8], [0.85, 0.7]), ([0.5, 0.6, 0.7], [0.6, 0.65, 0.6]), ([0.41, 0.43], [0.5, 0.44])],
)
def test_the_interval_of_a_difference_is_welchs(ours: list[float], theirs: list[float]) -> None:
    """SciPy returns the same bounds."""
    result = pairwise_difference(ours, theirs)
    expected = ttest_ind(ours, theirs, equal_var=False).confidence_interval(0.95)
    assert result.half_width is not None
    assert (result.value - result.half_width, result.value + result.half_width) == pytest.approx(
        (expected.low, expected.high)
    )
    reverse = pairwise_difference(theirs, ours)
    assert (reverse.value, reverse.half_width) == pytest.approx((-result.value, result.half_width))


@pytest.mark.parametrize("grid", [None, 200], ids=["exact", "200 sentences"])
@pytest.mark.parametrize("spread", [1.0, 3.0], ids=["equal spreads", "three times the spread"])
@pytest.mark.parametrize(("n", "other"), [(2, 2), (3, 3), (5, 5), (2, 5)])
def test_equal_recipes_rarely_differ_significantly(
    n: int, other: int, spread: float, grid: int | None
) -> None:
    """The error rate is at most 5 %, within two standard errors of 4,000 cases.

    This holds also for coarse accuracies, of few sentences.
    """
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
        called += pairwise_difference(ours, theirs).significant
    assert called / cases <= 0.05 + 2 * (0.05 * 0.95 / cases) ** 0.5


@pytest.mark.parametrize("n", [2, 3, 5])
def test_the_two_best_of_many_equal_recipes_rarely_differ_significantly(n: int) -> None:
    """The report compares the two highest means, which are closer than two random ones."""
    generator, cases = np.random.default_rng(0), 2000
    called = 0
    for _ in range(cases):
        runs = sorted(0.8 + 0.005 * generator.standard_normal((7, n)), key=np.mean)
        called += pairwise_difference(list(runs[-1]), list(runs[-2])).significant
    assert called / cases <= 0.05


def test_a_better_recipe_is_significantly_better() -> None:
    generator = np.random.default_rng(0)
    called = [
        pairwise_difference(
            list(0.82 + 0.005 * generator.standard_normal(5)),
            list(0.8 + 0.005 * generator.standard_normal(5)),
        )
        for _ in range(500)
    ]
    assert sum(one.significant and one.value > 0 for one in called) > 475 and not any(
        one.significant and one.value < 0 for one in called
    )


def test_runs_without_spread_have_no_interval() -> None:
    with pytest.raises(ValueError, match="at least one run"):
        pairwise_difference([], [0.5])
    single = pairwise_difference([0.9], [0.5, 0.6])
    assert single.value == pytest.approx(0.35) and single.half_width is None
    equal = pairwise_difference([0.1 + 0.2, 0.3], [0.2, 0.2])
    assert equal.half_width is None and not equal.significant and str(equal) == "+10.0"
    result = pairwise_table({"a": [0.9, 0.8], "b": [0.5], "c": [0.7, 0.6], "d": []})
    assert list(zip(result["regime"], result["other"])) == [
        ("a", "b"),
        ("a", "c"),
        ("b", "a"),
        ("b", "c"),
        ("c", "a"),
        ("c", "b"),
    ]
    assert result["half_width"].notna().tolist() == [False, True, False, False, True, False]
