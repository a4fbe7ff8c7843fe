"""CMA-ES whose state stays in this process.

Optuna's own writes its optimizer into the journal as a pickle, and unpickles what it finds there. A results folder can come from
anybody, and a pickle can run anything: here nothing is written but whole numbers, and nothing is unpickled.
"""

from collections.abc import Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import CmaEsSampler
from optuna.trial import FrozenTrial, TrialState, create_trial

KEEPS = ("_init_optimizer", "_restore_optimizer", "_split_optimizer_str", "_get_solution_trials")
"""Where Optuna keeps and looks for the optimizer: overridden below."""
FEWEST = 10
"""Trials that a warm start needs: it begins at the best tenth of them."""


class CmaEs(CmaEsSampler):
    """Optuna's CMA-ES, its optimizer kept in memory; a search that goes on starts a new one, warm, at its finished trials."""

    def __init__(self, seed: int) -> None:
        absent = [name for name in KEEPS if not hasattr(CmaEsSampler, name)]
        if absent:  # then an override below would go unnoticed, and pickles would be read again
            raise ValueError(f"sampler cmaes does not know Optuna {optuna.__version__}: it has no {absent[0]}; choose another --sampler")
        super().__init__(seed=seed, warn_independent_sampling=False)
        self._optimizer: Any = None
        self._earlier: list[FrozenTrial] | None = None

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """At the first trial of this process: what finished before it."""
        if self._earlier is None:
            self._earlier = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        super().before_trial(study, trial)

    def _init_optimizer(self, trans: Any, direction: Any) -> Any:
        source = reduced(self._earlier or [], trans._search_space)
        self._source_trials = source if len(source) >= FEWEST else None
        self._optimizer = super()._init_optimizer(trans, direction)
        return self._optimizer

    def _restore_optimizer(self, completed_trials: list[FrozenTrial]) -> Any:
        return self._optimizer

    def _split_optimizer_str(self, optimizer_str: str) -> dict[str, str]:
        return {}

    def _get_solution_trials(self, trials: list[FrozenTrial], generation: int) -> list[FrozenTrial]:
        """Without those of an earlier process, whose optimizer counted its own generations."""
        earlier = {trial.number for trial in self._earlier or []}
        return super()._get_solution_trials([trial for trial in trials if trial.number not in earlier], generation)


def reduced(trials: Sequence[FrozenTrial], space: dict[str, BaseDistribution]) -> list[FrozenTrial]:
    """The trials with the parameters of `space` alone: a warm start takes no others."""
    return [
        create_trial(params={name: trial.params[name] for name in space}, distributions=space, value=trial.value)
        for trial in trials
        if all(trial.distributions.get(name) == distribution for name, distribution in space.items())
    ]
