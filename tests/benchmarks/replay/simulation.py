"""A recorded search, run again under a stopping policy."""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import optuna
from optuna.pruners import BasePruner
from optuna.samplers import RandomSampler
from optuna.trial import TrialState

from search.study.pruners import prunes
from tests.benchmarks.replay.recording import Row

optuna.logging.set_verbosity(optuna.logging.ERROR)

SLOTS = 2
"""Trials that run side by side."""
UNTRAINED = "untrained"
"""A trial's attribute: `Row.untrained`."""


@dataclass(frozen=True)
class Replayed:
    """What a policy made of the trials of a recording."""

    spent: int
    """Epochs, without those of a second stage, which are cheap."""
    whole: int
    """Epochs without pruning."""
    completed: list[tuple[int, int]]
    """Places in the order of the trials that were trained to the end, each with the epochs that had
    been spent by then, in the order in which they ended."""


def replay(rows: Sequence[Row], pruner: BasePruner, budget: int, slots: int = SLOTS) -> Replayed:
    """Run trials in the given order, `slots` side by side, in the recorded times.

    The first of `rows` is trial 0 of the new study. `budget`: epochs of a complete trial.
    """
    study = optuna.create_study(direction="maximize", sampler=RandomSampler(seed=0), pruner=pruner)
    curves = [row.accuracies[:budget] for row in rows]
    spent, completed = 0, list[tuple[int, int]]()
    for trial, epoch in _events(study, rows, slots):
        number = trial.number
        spent += 1
        trial.report(curves[number][epoch - 1], epoch)
        if prunes(trial, epoch, budget):
            study.tell(trial, state=TrialState.PRUNED)
        elif epoch == len(curves[number]):
            score = rows[number].score
            if score is None:
                study.tell(trial, state=TrialState.FAIL)
            else:
                study.tell(trial, score)
                completed.append((number, spent))
    return Replayed(spent, sum(map(len, curves)), completed)


def _events(
    study: optuna.Study, rows: Sequence[Row], slots: int
) -> Iterator[tuple[optuna.Trial, int]]:
    """Each epoch when it ends, as its trial and number.

    A trial continues until the consumer tells the study its end. Then its slot takes the next one.
    """
    tie, waiting = count(), iter(rows)
    running: list[tuple[float, int, optuna.Trial, int]] = []

    def begin(trial: optuna.Trial, epoch: int, now: float) -> None:
        ends = now + rows[trial.number].seconds[epoch - 1]
        heapq.heappush(running, (ends, next(tie), trial, epoch))

    def start(now: float) -> None:
        for row in waiting:
            trial = study.ask()
            trial.set_user_attr(UNTRAINED, row.untrained)
            if row.accuracies:
                return begin(trial, 1, now)
            study.tell(trial, state=TrialState.FAIL)  # It failed in its first epoch.

    for _ in range(slots):
        start(0.0)
    while running:
        now, _, trial, epoch = heapq.heappop(running)
        yield trial, epoch
        if study.get_trials(deepcopy=False)[trial.number].state.is_finished():
            start(now)
        else:
            begin(trial, epoch + 1, now)
