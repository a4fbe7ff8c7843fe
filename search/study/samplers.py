"""What proposes configurations:

Optuna's samplers, told of failures, and repeatable where nothing is learned.
"""

import copy
import zlib
from collections.abc import Callable, Container, Iterable
from typing import Any, cast

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from search.spec import SearchSpec
from search.study.cmaes import CmaEs

DUPLICATE = "duplicate_of"
"""User attribute of a trial that was not run, because another has its configuration."""


def sampler(spec: SearchSpec) -> BaseSampler:
    """The sampler of a search: what it proposes depends on the seed, the trial's number and what
    the study holds.

    So a resumed search proposes what it would have proposed.
    """
    if spec.sampler == "tpe":
        return PenaliseFailures(
            lambda seed: TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True),
            spec.seed,
        )
    if spec.sampler == "gp":
        return PenaliseFailures(
            lambda seed: GPSampler(seed=seed, warn_independent_sampling=False), spec.seed
        )
    if spec.sampler == "cmaes":
        return PenaliseFailures(
            lambda _: CmaEs(spec.seed), spec.seed
        )  # it has a seed for each trial itself
    return ByNumber(spec.seed)


class ByNumber(RandomSampler):
    """Random values that depend on the seed, the trial's number and the parameter's name, and on
    nothing else.

    So a search that was interrupted, at whatever moment, tries what it would have tried.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.seed = seed

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """One value."""
        self._rng.rng.seed(_hash(self.seed, trial.number, param_name))
        return super().sample_independent(study, trial, param_name, param_distribution)


def _hash(*parts: object) -> int:
    return zlib.crc32(" ".join(map(str, parts)).encode())


class PenaliseFailures(BaseSampler):
    """A sampler that sees a failed trial as one that scored 0, so that it learns to stay away;
    Optuna's own do not look at failures.

    `make` makes it of a seed. It is made anew for each trial: what it knows, it then has from the
    study alone.
    """

    def __init__(self, make: Callable[[int], BaseSampler], seed: int) -> None:
        self.make, self.seed = make, seed
        self.inner = make(seed)

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """As the sampler does."""
        return self.inner.infer_relative_search_space(penalised(study), trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """As the sampler does."""
        return self.inner.sample_relative(penalised(study), trial, search_space)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """As the sampler does."""
        return self.inner.sample_independent(
            penalised(study), trial, param_name, param_distribution
        )

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """As the sampler does, which is another one from here on."""
        self.inner = self.make(_hash(self.seed, trial.number))
        self.inner.before_trial(penalised(study), trial)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Any
    ) -> None:
        """As the sampler does."""
        self.inner.after_trial(penalised(study), trial, state, values)


def penalised(study: optuna.Study) -> optuna.Study:
    """A view of a study, or of one of Hyperband's brackets, in which failed trials have the worst
    score that there is."""
    return cast(optuna.Study, _Penalised(study))


class _Penalised:
    """Hands everything on to the study but its trials.

    It cannot be a copy: Optuna's brackets do not allow one.
    """

    def __init__(self, study: optuna.Study) -> None:
        self._whole = study

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)

    @property
    def trials(self) -> list[FrozenTrial]:
        return self.get_trials()

    def get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        return _penalise(self._whole.get_trials(deepcopy=False), states)

    def _get_trials(
        self,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
        use_cache: bool = False,
    ) -> list[FrozenTrial]:
        return _penalise(self._whole._get_trials(deepcopy=False, use_cache=use_cache), states)


def _penalise(
    trials: Iterable[FrozenTrial], states: Container[TrialState] | None
) -> list[FrozenTrial]:
    every = [
        (
            _scored_0(trial)
            if trial.state == TrialState.FAIL and DUPLICATE not in trial.user_attrs
            else trial
        )
        for trial in trials
    ]
    return [trial for trial in every if states is None or trial.state in states]


def _scored_0(failed: FrozenTrial) -> FrozenTrial:
    trial = copy.copy(failed)
    trial.state, trial.values = TrialState.COMPLETE, [0.0]
    return trial
