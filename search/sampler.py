"""What proposes configurations: Optuna's samplers, told of failures, and repeatable where nothing is learned."""

import copy
import zlib
from collections.abc import Container
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from search.cmaes import CmaEs
from search.spec import SearchSpec

DUPLICATE = "duplicate_of"
"""User attribute of a trial that was not run, because another has its configuration."""


def sampler(spec: SearchSpec, already: int) -> BaseSampler:
    """The sampler of a search that has asked `already` times: one that goes on draws other numbers than it began with."""
    seed = (spec.seed + 7919 * already) % 2**32
    if spec.sampler == "tpe":
        return Warned(TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True))
    if spec.sampler == "gp":
        return Warned(GPSampler(seed=seed, warn_independent_sampling=False))
    if spec.sampler == "cmaes":
        return Warned(CmaEs(seed))
    return ByNumber(spec.seed)


class ByNumber(RandomSampler):
    """Random values that depend on the seed, the trial's number and the parameter's name, and on nothing else.

    So a search that was interrupted, at whatever moment, tries what it would have tried.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.seed = seed

    def sample_independent(self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution) -> Any:
        """One value."""
        self._rng.rng.seed(zlib.crc32(f"{self.seed} {trial.number} {param_name}".encode()))
        return super().sample_independent(study, trial, param_name, param_distribution)


class Warned(BaseSampler):
    """A sampler that sees a failed trial as one that scored 0, so that it learns to stay away; Optuna's own do not look at failures."""

    def __init__(self, inner: BaseSampler) -> None:
        self.inner = inner

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """As the sampler does."""
        return self.inner.infer_relative_search_space(_Told.of(study), trial)

    def sample_relative(self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        """As the sampler does."""
        return self.inner.sample_relative(_Told.of(study), trial, search_space)

    def sample_independent(self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution) -> Any:
        """As the sampler does."""
        return self.inner.sample_independent(_Told.of(study), trial, param_name, param_distribution)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """As the sampler does."""
        self.inner.before_trial(_Told.of(study), trial)

    def after_trial(self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Any) -> None:
        """As the sampler does."""
        self.inner.after_trial(_Told.of(study), trial, state, values)


class _Told(optuna.Study):
    """A study in which failed trials have the worst score that there is."""

    @classmethod
    def of(cls, study: optuna.Study) -> "_Told":
        told = copy.copy(study)
        told.__class__ = cls
        return told  # type: ignore[return-value]

    def _get_trials(self, deepcopy: bool = True, states: Container[TrialState] | None = None, use_cache: bool = False) -> list[FrozenTrial]:
        found = super()._get_trials(deepcopy=False, use_cache=use_cache)
        return [trial for trial in map(_lesson, found) if states is None or trial.state in states]


def _lesson(trial: FrozenTrial) -> FrozenTrial:
    if trial.state != TrialState.FAIL or DUPLICATE in trial.user_attrs:
        return trial
    lesson = copy.copy(trial)
    lesson.state, lesson.values = TrialState.COMPLETE, [0.0]
    return lesson
