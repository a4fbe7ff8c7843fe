"""Which trials continue from a rung: the rules against slow readings of them."""

import random
from collections.abc import Sequence
from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.spec import SearchSpec
from search.study.configuration import starting_points
from search.study.pruners import RECENT_WINDOW_FACTORS, pruner, prunes
from tests import specs

EPOCHS = 9


def spec(scheduler: str, **values: Any) -> SearchSpec:
    given = {"regime": "llrd", "epochs": EPOCHS, "grace": 1, "scheduler": scheduler}
    return specs.spec(**{**given, **values})


def lengths(made: SearchSpec, curves: Sequence[Sequence[float]]) -> list[int]:
    """How many epochs each trial ran, one after the other."""
    study = optuna.create_study(
        direction="maximize", pruner=pruner(made), sampler=optuna.samplers.RandomSampler()
    )
    epochs = []
    for curve in curves:
        trial, epoch = study.ask(), 0
        for epoch, accuracy in enumerate(curve, 1):
            trial.report(accuracy, epoch)
            if prunes(trial, epoch, made.epochs):
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(trial, curve[-1])
        epochs.append(epoch)
    return epochs


def accuracies(trials: int, seed: int = 0) -> list[list[float]]:
    draw = random.Random(seed)
    return [[round(draw.random(), 2) for _ in range(EPOCHS)] for _ in range(trials)]


def slowly(made: SearchSpec, curves: Sequence[Sequence[float]]) -> list[int]:
    """The same, read from the documentation: rungs at 1 and 3 of 9 epochs; the next is too late."""
    ends: list[int] = []
    known = len(starting_points(made))
    for number, curve in enumerate(curves):
        length = EPOCHS
        for rung in (1, 3):
            before = [n for n in range(number) if ends[n] >= rung]
            seen = (
                before[-(RECENT_WINDOW_FACTORS * 3 - 1) :] if made.scheduler == "recent" else before
            )
            better = [n for n in seen if curves[n][rung - 1] > curve[rung - 1]]
            continues = len(better) < max(1, (len(seen) + 1) // 3)
            if made.scheduler == "rush" and number >= known:
                first = [curves[n][rung - 1] for n in before if n < known]
                continues = continues and curve[rung - 1] >= max(first)
            if not continues and number > 0:
                length = rung
                break
        ends.append(length)
    return ends


@pytest.mark.parametrize("scheduler", ["asha", "recent", "rush"])
@pytest.mark.parametrize("seed", range(3))
def test_trials_end_where_a_slow_reading_ends_them(scheduler: str, seed: int) -> None:
    """ASHA is Optuna's, so the reading is right about what the others have in common with it."""
    made, curves = spec(scheduler), accuracies(30, seed)
    ends = lengths(made, curves)
    assert ends == slowly(made, curves)
    assert {1, EPOCHS} <= set(ends)


@settings(deadline=None)
@given(
    scheduler=st.sampled_from(["recent", "rush"]),
    grace=st.integers(1, 4),
    curves=st.lists(
        st.lists(st.integers(0, 5), min_size=EPOCHS, max_size=EPOCHS), min_size=1, max_size=12
    ),
)
def test_neither_trial_0_nor_the_best_so_far_is_pruned(
    scheduler: str, grace: int, curves: list[list[int]]
) -> None:
    ends = lengths(spec(scheduler, grace=grace), curves)
    assert ends[0] == EPOCHS
    for number, length in enumerate(ends):
        if length < EPOCHS:
            earlier = [
                curve[length - 1]
                for curve, epochs in zip(curves, ends[:number])
                if epochs >= length
            ]
            assert curves[number][length - 1] < max(earlier) and length >= grace


def test_recent_goes_on_pruning_when_trials_improve() -> None:
    """After 20 bad trials come 30 good ones. Two thirds of the last nine are ended whatever came
    before; of all trials, most of the good ones are in the best third."""
    draw = random.Random(0)
    level = [draw.uniform(0, 0.5) for _ in range(20)] + [draw.uniform(0.5, 1) for _ in range(30)]
    curves = [[accuracy] * EPOCHS for accuracy in level]
    good = {
        scheduler: sum(length > 1 for length in lengths(spec(scheduler), curves)[20:])
        for scheduler in ("asha", "recent")
    }
    assert good["recent"] <= 15 < good["asha"]


@pytest.mark.parametrize("regime", ["llrd", "supcon"])
def test_rush_demands_what_the_best_of_the_first_trials_had(regime: str) -> None:
    """Trial 1 is the best of the three; trial 2 may be worse, and others only if no worse."""
    made = spec("rush", regime=regime, reduction_factor=2)
    level = [0.5, 0.6, 0.55, 0.59, 0.6, 0.61]
    ends = lengths(made, [[accuracy] * EPOCHS for accuracy in level])
    assert [number for number, length in enumerate(ends) if length == EPOCHS] == [0, 1, 4, 5]
