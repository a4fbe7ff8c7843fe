"""CMA-ES for spaces with conditional parameters and choices.

Optuna's CmaEsSampler takes only the numeric parameters that every trial has, stops for good when
their number changes, and keeps its optimizer as a pickle in the journal. This one keeps nothing.
"""

import math
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import optuna
from cmaes import CatCMA
from numpy.typing import NDArray
from optuna._transform import _SearchSpaceTransform
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from search.study.records import was_enqueued

SIGMA = 1 / 6
"""Initial standard deviation as a fraction of each range, as in Optuna's CmaEsSampler."""
FINEST = 0.01
"""Smallest standard deviation, about: finer steps change no accuracy, and give duplicates."""

SPARE_NUMBERS = {name: FloatDistribution(0, 1) for name in ("spare number 1", "spare number 2")}
SPARE_CHOICE = {"spare choice": CategoricalDistribution([False, True])}
"""CatCMA needs two numbers and a choice. Where a space has fewer, it gets these, which no trial
uses."""

Point = tuple[NDArray[np.float64], NDArray[np.bool_]]
"""What CatCMA proposes and is told: numbers as a point in the unit cube, and for each choice a row
with one True."""


class CmaEs(BaseSampler):
    """CatCMA: CMA-ES for the numbers, and probabilities for the choices.

    Hamano et al., 2024, https://arxiv.org/abs/2405.09962. The sampler has no state. For each trial
    it rebuilds the optimizer from the finished trials, in the order of their numbers, and draws
    with a seed from its own and the trial's number. So a resumed search proposes what it would have
    proposed.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Every parameter that a trial has had so far, with its latest range."""
        latest: dict[str, BaseDistribution] = {}
        for earlier in study.get_trials(deepcopy=False):
            latest |= earlier.distributions
        return {name: latest[name] for name in sorted(latest) if not latest[name].single()}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """A value for each parameter of `search_space`, even if the trial will not have it."""
        if not search_space:
            return {}
        encoding = Encoding(search_space)
        params = encoding.params(self._draw(self._optimizer(study, encoding), trial))
        return {name: params[name] for name in search_space}

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """A random value, for a parameter that no trial has had yet."""
        return RandomSampler(self._seed(trial, param_name)).sample_independent(
            study, trial, param_name, param_distribution
        )

    def _optimizer(self, study: optuna.Study, encoding: "Encoding") -> CatCMA:
        """The optimizer, updated with every full generation.

        It starts around the best enqueued trial, but does not learn from enqueued ones: one far
        from the mean would blow up the step size. For a parameter that a trial did not have it
        learns the value that was drawn, so that it drifts at random and not towards a constant.
        """
        finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
        enqueued = [trial for trial in finished if was_enqueued(trial)]
        proposed = [trial for trial in finished if not was_enqueued(trial)]
        optimizer = encoding.optimizer(next(iter(ranked(enqueued, study.direction)), None))
        size = optimizer.population_size
        for start in range(0, len(proposed) - size + 1, size):
            generation = ranked(proposed[start : start + size], study.direction)
            points = [encoding.point(trial, self._draw(optimizer, trial)) for trial in generation]
            optimizer.tell([(point, rank) for rank, point in enumerate(points)])
        return optimizer

    def _draw(self, optimizer: CatCMA, trial: FrozenTrial) -> Point:
        """The trial's own draw, the same each time for the same distribution."""
        optimizer.reseed_rng(self._seed(trial))
        return optimizer.ask()

    def _seed(self, trial: FrozenTrial, name: str = "") -> int:
        return zlib.crc32(f"{self.seed} {trial.number} {name}".encode())


class Encoding:
    """Parameters as CatCMA has them, and back."""

    def __init__(self, space: dict[str, BaseDistribution]) -> None:
        self.numbers = {
            name: distribution
            for name, distribution in space.items()
            if isinstance(distribution, FloatDistribution | IntDistribution)
        }
        self.choices = {
            name: distribution
            for name, distribution in space.items()
            if isinstance(distribution, CategoricalDistribution)
        }
        if len(self.numbers) < 2:
            self.numbers |= SPARE_NUMBERS
        self.choices = self.choices or SPARE_CHOICE
        self.sizes = [len(distribution.choices) for distribution in self.choices.values()]
        self.cube = _SearchSpaceTransform(dict(self.numbers), transform_0_1=True)

    def optimizer(self, start: FrozenTrial | None) -> CatCMA:
        """A new one, around `start` or the middle of the ranges."""
        middle = (
            np.full(len(self.numbers), 0.5),
            np.zeros((len(self.sizes), max(self.sizes)), dtype=bool),
        )
        mean, _ = self.point(start, middle) if start else middle
        return CatCMA(
            mean, SIGMA, np.array(self.sizes), bounds=self.cube.bounds, min_eigenvalue=FINEST**2
        )

    def point(self, trial: FrozenTrial, drawn: Point) -> Point:
        """The trial's parameters, and what is `drawn` for those that it does not have.

        Values outside today's ranges are clipped.
        """
        params = self.params(drawn) | trial.params
        numbers = {
            name: min(max(params[name], distribution.low), distribution.high)
            for name, distribution in self.numbers.items()
        }
        rows = np.zeros_like(drawn[1])
        for row, (name, distribution) in zip(rows, self.choices.items()):
            row[distribution.choices.index(params[name])] = True
        return self.cube.transform(numbers), rows

    def params(self, point: Point) -> dict[str, Any]:
        """Every parameter's value."""
        numbers, rows = point
        chosen = {
            name: distribution.choices[row.argmax()]
            for row, (name, distribution) in zip(rows, self.choices.items())
        }
        return self.cube.untransform(numbers) | chosen


def ranked(trials: Iterable[FrozenTrial], direction: StudyDirection) -> list[FrozenTrial]:
    """The best first; on ties the earlier."""
    sign = -1 if direction == StudyDirection.MAXIMIZE else 1
    return sorted(
        trials, key=lambda trial: math.inf if math.isnan(score(trial)) else sign * score(trial)
    )


def score(trial: FrozenTrial) -> float:
    """A finished trial's value; a pruned one's last report, which is a low one as a rule; NaN where
    it has neither.

    Most trials of a search are pruned. Without them CMA-ES would learn nothing of what does not
    work.
    """
    if trial.state == TrialState.COMPLETE:
        return float(trial.values[0])
    return math.nan if trial.last_step is None else trial.intermediate_values[trial.last_step]
