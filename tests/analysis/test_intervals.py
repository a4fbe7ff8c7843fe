"""Confidence intervals against values computed by hand and by SciPy."""

import math

import pytest
from scipy.stats import binomtest

from analysis import intervals


def test_mean_interval_by_hand() -> None:
    result = intervals.mean_interval([0.86, 0.87, 0.88])  # s = 0.01; t(0.975, 2) = 4.302653
    assert (result.mean, result.n) == (pytest.approx(0.87), 3)
    assert result.half_width == pytest.approx(4.302653 * 0.01 / math.sqrt(3), rel=1e-6)
    assert str(result) == "87.0 ± 2.5 (n=3)"
    assert intervals.mean_interval([1.0, 2.0], level=0.5).half_width == pytest.approx(
        1 * 0.5
    )  # t(0.75, 1) = 1, s = 1/sqrt(2)


def test_one_value_has_no_interval_and_none_is_an_error() -> None:
    assert str(intervals.mean_interval([0.874])) == "87.4 (n=1)"
    with pytest.raises(ValueError, match="at least one value"):
        intervals.mean_interval([])


def test_binomial_half_width_of_the_papers_test_split() -> None:
    assert intervals.binomial_half_width(0.88, 2974) == pytest.approx(0.0117, abs=5e-5)
    assert intervals.binomial_half_width(0.5, 100, level=0.6826895) == pytest.approx(0.05, rel=1e-5)


def test_difference_adds_four_noises_in_quadrature() -> None:
    result = intervals.difference([0.88, 0.90], 0.85, 2974)
    s, t = 0.02 / math.sqrt(2), 12.706205
    ours, theirs = 1.959964**2 * 0.89 * 0.11 / 2974, 1.959964**2 * 0.85 * 0.15 / 2974
    assert result.value == pytest.approx(0.04)
    assert result.noise == pytest.approx(
        math.sqrt((t * s) ** 2 / 2 + (t * s) ** 2 + ours + theirs), rel=1e-6
    )
    assert not result.exceeds


def test_difference_of_one_seed_has_the_test_splits_noise_only() -> None:
    result = intervals.difference([0.89], 0.85, 2974)
    both = math.hypot(
        intervals.binomial_half_width(0.89, 2974), intervals.binomial_half_width(0.85, 2974)
    )
    assert (result.n, result.noise, result.exceeds) == (1, pytest.approx(both), True)
    assert str(result) == "+4.0 ± 1.7"
    assert not intervals.difference(
        [0.8540686], 0.8493611, 2974
    ).exceeds  # rows 4 and 2 of Table 7 are one result


def test_difference_below_the_paper_exceeds_too() -> None:
    result = intervals.difference([0.80, 0.80, 0.80], 0.85, 2974)
    assert result.exceeds and result.value == pytest.approx(-0.05)


@pytest.mark.parametrize(("right", "n"), [(0, 10), (10, 10), (15, 148), (1, 1), (50, 100)])
def test_wilson_is_scipys(right: int, n: int) -> None:
    expected = binomtest(right, n).proportion_ci(method="wilson")
    assert intervals.wilson(right / n, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_a_share_lies_in_its_interval_whatever_rounding_does() -> None:
    """Otherwise an error bar would have a negative length, which matplotlib rejects."""
    for n in range(1, 60):
        for right in range(n + 1):
            low, high = intervals.wilson(right / n, n)
            assert 0 <= low <= right / n <= high <= 1


def test_wilson_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one sentence"):
        intervals.wilson(0.5, 0)
