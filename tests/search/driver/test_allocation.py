"""One budget of trials over several regimes."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.driver.allocation import Allocation, allocate

POINTS = {"a": 3, "b": 3, "c": 3, "d": 3, "e": 2}


def played(
    curves: dict[str, list[float]], points: dict[str, int], budget: int
) -> tuple[dict[str, int], Allocation]:
    """Run every trial that is asked for, with the scores of `curves`; returns how many each had."""
    ran = dict.fromkeys(points, 0)
    while True:
        scores = {regime: curves[regime][:count] for regime, count in ran.items()}
        allocation = allocate(scores, points, budget)
        if all(ran[regime] >= count for regime, count in allocation.trials.items()):
            return ran, allocation
        ran |= allocation.trials


def test_the_better_half_goes_on_until_one_is_left() -> None:
    curves = {regime: [level] * 40 for regime, level in zip("abcde", (0.5, 0.9, 0.7, 0.8, 0.1))}
    ran, last = played(curves, POINTS, 40)
    # 14 points; then 26 trials in three rounds: 8 for b, d and c, 9 for b and d, 9 for b.
    assert ran == {"a": 3, "b": 3 + 3 + 5 + 9, "c": 3 + 2, "d": 3 + 3 + 4, "e": 2}
    assert list(last.dropped) == ["a", "e", "c", "d"]
    assert last.dropped["c"] == ("dropped after 5 trials: best 70.0 %, the best of b is 90.0 %")


@given(
    st.integers(0, 10**6),
    st.fixed_dictionaries({regime: st.integers(1, 4) for regime in "abcdef"}),
    st.integers(6, 80),
)
def test_the_whole_budget_is_spent_and_the_best_start_survives_the_first_decision(
    seed: int, points: dict[str, int], budget: int
) -> None:
    random = Random(seed)
    curves = {regime: [random.random() for _ in range(80)] for regime in points}
    ran, last = played(curves, points, budget)
    assert sum(ran.values()) == budget
    assert len(last.trials) == 1 and len(last.dropped) == len(points) - 1
    start = {regime: max(curves[regime][: min(points[regime], budget // 6)]) for regime in points}
    best = max(points, key=lambda regime: start[regime])
    assert best not in list(last.dropped)[:3]


def test_a_regime_that_cannot_go_on_does_not_hold_up_the_others() -> None:
    scores = {"a": [0.9], "b": [0.5, 0.6], "c": [0.8, 0.8]}
    waiting = allocate(scores, {"a": 2, "b": 2, "c": 2}, 12)
    assert waiting.trials == {"a": 2, "b": 2, "c": 2} and not waiting.dropped
    assert list(allocate(scores, {"a": 2, "b": 2, "c": 2}, 12, ended={"a"}).dropped) == ["b"]


def test_a_budget_below_the_number_of_regimes_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^--trials must be at least 5 .* got 4$"):
        allocate({regime: [] for regime in POINTS}, POINTS, 4)
