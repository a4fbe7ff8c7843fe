"""The stopping policies that are compared."""

from collections.abc import Callable, Sequence

import optuna
from optuna.pruners import BasePruner, MedianPruner, NopPruner
from optuna.trial import FrozenTrial

from search.spec import SearchSpec
from search.study import pruners
from search.study.rungs import Accuracies, Rule, RungPruner, first_trials, fraction
from tests.benchmarks.replay.recording import Conditions, Row
from tests.benchmarks.replay.restarts import one_epoch, pasha
from tests.benchmarks.replay.simulation import UNTRAINED, Replayed, replay

Policy = Callable[[Sequence[Row], Conditions], Replayed]
"""Trials in their order to what became of them."""
DEFAULT = "today's default"


class UntrainedPruner(BasePruner):
    """Ends a trial after its first epoch unless it is better than the untrained encoder."""

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether the trial ends with its last recorded epoch."""
        untrained: float = trial.user_attrs[UNTRAINED]
        return trial.last_step == 1 and trial.intermediate_values[1] <= untrained


class EitherPruner(BasePruner):
    """Ends a trial if any of the given pruners does."""

    def __init__(self, *pruners: BasePruner) -> None:
        self.pruners = pruners

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Asks all of them, because some record their rungs when asked."""
        return any([pruner.prune(study, trial) for pruner in self.pruners])


def leaders(count: int) -> Rule:
    """A trial continues while fewer than `count` of all that came as far are better."""
    return lambda number, accuracies: _above(number, accuracies, 0.0) < count


def margin(width: float) -> Rule:
    """A trial continues if it is at most `width` below the best of all that came as far."""
    return lambda number, accuracies: _above(number, accuracies, width) == 0


def _above(number: int, accuracies: Accuracies, width: float) -> int:
    """How many accuracies are more than `width` above the trial's own."""
    own = accuracies[number]
    assert own is not None
    return sum(other is not None and other > own + width for other in accuracies)


def pruned(make: Callable[[Conditions], BasePruner]) -> Policy:
    """The policy of a pruner."""
    return lambda rows, conditions: replay(rows, make(conditions), conditions.epochs)


def scheduled(**values: object) -> Policy:
    """The policy of a search with these values of its spec."""

    def make(conditions: Conditions) -> BasePruner:
        given = {"regime": conditions.regime, "data": "embedded", "model": "minilm", **values}
        return pruners.pruner(SearchSpec.from_dict({**given, "epochs": conditions.epochs}))

    return pruned(make)


POLICIES: dict[str, Policy] = {
    "none": pruned(lambda _: NopPruner()),
    DEFAULT: scheduled(),
    "hyperband, grace 3": scheduled(scheduler="hyperband", grace=3),
    "median, grace 1": pruned(lambda _: MedianPruner(5, 1)),
    "asha, grace 1, factor 2": scheduled(grace=1, reduction_factor=2),
    "asha, grace 1, factor 3": scheduled(grace=1, reduction_factor=3),
    "asha, grace 1, factor 4": scheduled(grace=1, reduction_factor=4),
    "asha, grace 2, factor 3": scheduled(grace=2, reduction_factor=3),
    "asha, grace 3, factor 3": scheduled(grace=3, reduction_factor=3),
    "rush, grace 1, factor 3": scheduled(scheduler="rush", grace=1),
    "rush, grace 2, factor 3": scheduled(scheduler="rush", grace=2),
    "rush, grace 3, factor 3": scheduled(scheduler="rush", grace=3),
    "points alone, grace 1": pruned(lambda c: RungPruner(1, 2, first_trials(c.points))),
    "points alone, grace 2": pruned(lambda c: RungPruner(2, 2, first_trials(c.points))),
    "recent, grace 1, factor 2": scheduled(scheduler="recent", grace=1, reduction_factor=2),
    "recent, grace 1, factor 3": scheduled(scheduler="recent", grace=1),
    "recent, grace 2, factor 3": scheduled(scheduler="recent", grace=2),
    "recent, grace 3, factor 3": scheduled(scheduler="recent", grace=3),
    "recent and rush, grace 1, factor 3": pruned(
        lambda c: RungPruner(1, 3, fraction(3, window=9), first_trials(c.points))
    ),
    "3 leaders, grace 1": pruned(lambda _: RungPruner(1, 2, leaders(3))),
    "5 leaders, grace 1": pruned(lambda _: RungPruner(1, 2, leaders(5))),
    "3 leaders, grace 2": pruned(lambda _: RungPruner(2, 2, leaders(3))),
    "within 5 points, grace 1": pruned(lambda _: RungPruner(1, 2, margin(0.05))),
    "within 10 points, grace 1": pruned(lambda _: RungPruner(1, 2, margin(0.1))),
    "above the untrained encoder": pruned(lambda _: UntrainedPruner()),
    "above untrained, a third of all": pruned(
        lambda _: EitherPruner(UntrainedPruner(), RungPruner(1, 3, fraction(3)))
    ),
    "one epoch, then the best 3": one_epoch(3),
    "one epoch, then the best 5": one_epoch(5),
    "PASHA, then the best 1": pasha(1),
    "PASHA, then the best 3": pasha(3),
}
