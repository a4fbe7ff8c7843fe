"""CMA-ES (https://arxiv.org/abs/1604.00772) over a space with conditional parameters.

Optuna's own searches only what every trial was given, which in a conditional space is soon nothing, and keeps its optimizer in the
journal as a pickle; a results folder can come from anybody, and a pickle can run anything. Here the dimension is that of all numbers which
the space can suggest, and the optimizer is made anew for each question: the finished trials are told to it in the order of their numbers.
So a search that was interrupted asks as one that was not.
"""

import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from cmaes import CMA
from optuna._transform import _SearchSpaceTransform
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

PROPOSED = "cmaes:proposed"
"""System attribute of a trial: the point that it was proposed at, in the unit box. It may not have asked for all of its coordinates."""
SIGMA = 0.3
"""First standard deviation, of a range of 1, around its middle."""


class CmaEs(BaseSampler):
    """Proposes every number of a space by CMA-ES, and leaves choices to `independent`."""

    def __init__(self, seed: int, space: Mapping[str, BaseDistribution], independent: BaseSampler) -> None:
        self.seed, self.independent = seed, independent
        self.space = {name: space[name] for name in sorted(space) if not isinstance(space[name], CategoricalDistribution)}
        self.space = {name: distribution for name, distribution in self.space.items() if not distribution.single()}

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """All numbers, whether or not this trial will ask for them."""
        return self.space

    def sample_relative(self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        """A value for each of them."""
        if not search_space or trial.params or "fixed_params" in trial.system_attrs:  # nothing to propose, or proposed by somebody
            return {}
        box = _SearchSpaceTransform(search_space, transform_0_1=True)
        ended = [other for other in study.get_trials(deepcopy=False) if other.state in (TrialState.COMPLETE, TrialState.PRUNED)]
        optimizer = self._optimizer(len(search_space), trial.number)
        for first in range(0, len(ended) - optimizer.population_size + 1, optimizer.population_size):
            generation = ended[first : first + optimizer.population_size]
            optimizer.tell([(_point(other, box, search_space, optimizer.mean), -_score(other)) for other in generation])
        point = optimizer.ask()
        study._storage.set_trial_system_attr(trial._trial_id, PROPOSED, [float(number) for number in point])
        return box.untransform(point[: len(search_space)])

    def sample_independent(self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution) -> Any:
        """A choice."""
        return self.independent.sample_independent(study, trial, param_name, param_distribution)

    def _optimizer(self, dimension: int, number: int) -> CMA:
        """A fresh one, whose random numbers depend on the seed and the trial's number. It takes two dimensions or more: one may be idle."""
        seed = zlib.crc32(f"{self.seed} {number}".encode())
        size = max(2, dimension)
        return CMA(np.full(size, 0.5), SIGMA, bounds=np.tile([0.0, 1.0], (size, 1)), seed=seed)


def _point(trial: FrozenTrial, box: _SearchSpaceTransform, space: Mapping[str, BaseDistribution], mean: np.ndarray) -> np.ndarray:
    """Where a trial lies in the unit box. One that was not proposed here lies at the mean in what it was not asked for."""
    proposed = trial.system_attrs.get(PROPOSED)
    if isinstance(proposed, Sequence) and len(proposed) == len(mean):
        return np.asarray(proposed, dtype=float)
    values = box.untransform(mean[: len(space)]) | {name: trial.params[name] for name in space if name in trial.params}
    point = mean.copy()
    point[: len(space)] = np.clip(box.transform(values), 0.0, 1.0)  # a range of an earlier version may have been wider
    return point


def _score(trial: FrozenTrial) -> float:
    """Only ranks count. A pruned trial has the best that it reached: less than it would have reached, but few trials come to their end."""
    found = trial.value if trial.state == TrialState.COMPLETE else max(trial.intermediate_values.values(), default=0.0)
    return found if found is not None and math.isfinite(found) else 0.0
