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
    assert str(intervals.Interval(0.87, 0.005, 3, freedom=8)) == "87.0 ± 0.5 (n=3, df=8)"
    assert intervals.mean_interval([1.0, 2.0], level=0.5).half_width == pytest.approx(
        1 * 0.5
    )  # t(0.75, 1) = 1, s = 1/sqrt(2)


def test_one_value_has_no_interval_and_none_is_an_error() -> None:
    assert str(intervals.mean_interval([0.874])) == "87.4 (n=1)"
    with pytest.raises(ValueError, match="at least one value"):
        intervals.mean_interval([])


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
