"""How many epochs trials run before they are pruned, learned from the trials so far."""

from collections.abc import Iterator, Sequence
from statistics import fmean

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from search.planning.draws import DRAWS, Draws
from search.planning.speed import Speed
from search.spec import SearchSpec
from search.study.configuration import starting_points
from search.study.pruners import PRUNABLE_FRACTION

CONTINUES = {"asha": 0.4, "recent": 0.4, "rush": 0.35, "hyperband": 0.6, "median": 0.9}
"""Prior fraction of trials that continue from a rung; all without pruning. More than one in
`--reduction-factor`: early trials are compared with few, and the sampler improves."""
PRIOR_TRIALS = 8.0
"""The number of trials that the prior weighs as much as."""


class Lengths:
    """Draws of the epochs that trials run, both started ones and those to come."""

    def __init__(
        self, spec: SearchSpec, trials: Sequence[FrozenTrial], speed: Speed, draws: Draws
    ) -> None:
        self.random = draws.random
        complete = [
            speed.of(trial).epochs for trial in trials if trial.state == TrialState.COMPLETE
        ]
        self.full = fmean(complete) if complete else float(spec.epochs)
        """Of a trial that is not pruned: less than the budget where trials stop early."""
        expected = CONTINUES.get(spec.scheduler, 1.0)
        # The first trials are known to be good, and say nothing about the others.
        observed = [
            (speed.of(trial).epochs, trial.state) for trial in trials[len(starting_points(spec)) :]
        ]
        self.continuing: dict[int, np.ndarray] = {}
        """By rung: the fraction of trials that continue."""
        for rung in _rungs(spec):
            pruned = sum(
                epochs == rung and state == TrialState.PRUNED for epochs, state in observed
            )
            stayed = sum(epochs >= rung for epochs, _ in observed) - pruned
            self.continuing[rung] = self.random.beta(
                PRIOR_TRIALS * expected + stayed, PRIOR_TRIALS * (1 - expected) + pruned, DRAWS
            )

    def of(self, number: int, done: int = 0) -> np.ndarray:
        """Draws of a trial's total epochs, given that it has survived `done` of them."""
        epochs = np.full(DRAWS, self.full)
        for rung, fraction in sorted(self.continuing.items(), reverse=True):
            ends = self.random.random(DRAWS) >= fraction
            if number != 0 and rung > done:
                epochs = np.where(ends, np.minimum(rung, epochs), epochs)
        return epochs


def _rungs(spec: SearchSpec) -> Iterator[int]:
    """Epochs with which a trial may be pruned."""
    epoch, last = spec.grace_epochs, int(PRUNABLE_FRACTION * spec.epochs)
    if spec.scheduler == "median":
        yield from range(epoch + 1, last + 1)
    elif spec.scheduler != "none":
        while epoch <= last:
            yield epoch
            epoch *= spec.reduction_factor
