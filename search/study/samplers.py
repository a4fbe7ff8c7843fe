"""Samplers: what proposes configurations.

They are Optuna's, changed in two ways: failed trials count as bad ones, and a resumed search
proposes what it would have proposed.
"""

import copy
import zlib
from collections.abc import Callable, Container
from functools import partial
from typing import Any, cast

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from search.spec import SearchSpec
from search.study.cmaes import CmaEs
from search.study.records import DUPLICATE_OF

MAX_TPE_TRIALS = 1000
"""Finished trials that TPE learns from: some of the best, otherwise the newest. The time of a
proposal grows with their number."""
BEST_TRIALS = 100
"""The best ones among them. TPE counts at most 25 trials as good, so it misses none."""


def sampler(spec: SearchSpec) -> BaseSampler:
    """The sampler that `--sampler` names.

    A proposal depends only on the seed, the trial's number and what the study holds.
    """
    if spec.sampler == "tpe":
        return PenaliseFailures(
            lambda seed: TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True),
            spec.seed,
            MAX_TPE_TRIALS,
        )
    if spec.sampler == "gp":
        return PenaliseFailures(
            lambda seed: GPSampler(seed=seed, warn_independent_sampling=False), spec.seed
        )
    if spec.sampler == "cmaes":
        # CmaEs derives a seed for each trial itself.
        return PenaliseFailures(lambda _: CmaEs(spec.seed), spec.seed)
    assert spec.sampler == "random"
    return ByNumber(spec.seed)


class ByNumber(RandomSampler):
    """Random values that depend only on the seed, the trial's number and the parameter's name."""

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
        """One parameter's value."""
        self._rng.rng.seed(_hash(self.seed, trial.number, param_name))
        return super().sample_independent(study, trial, param_name, param_distribution)


def _hash(*parts: object) -> int:
    return zlib.crc32(" ".join(map(str, parts)).encode())


class PenaliseFailures(BaseSampler):
    """A sampler that sees failed trials as complete ones with score 0, so that it learns to avoid
    them. Optuna's own samplers ignore failures.

    `make` builds the sampler from a seed. It is built anew for each trial, so that it depends on
    the study alone. If there are more than `max_trials` finished ones, it sees the best and the
    newest.
    """

    def __init__(
        self, make: Callable[[int], BaseSampler], seed: int, max_trials: int | None = None
    ) -> None:
        self.make, self.seed, self.max_trials = make, seed, max_trials
        self.inner = make(seed)
        self._view: tuple[int, optuna.Study] | None = None
        """What the sampler of a trial sees, with the trial's number."""

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Delegates."""
        return self.inner.infer_relative_search_space(self._view_for(study, trial), trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Delegates."""
        return self.inner.sample_relative(self._view_for(study, trial), trial, search_space)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Delegates."""
        return self.inner.sample_independent(
            self._view_for(study, trial), trial, param_name, param_distribution
        )

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Build the sampler of this trial."""
        self.inner = self.make(_hash(self.seed, trial.number))
        self._view = None
        self.inner.before_trial(self._view_for(study, trial), trial)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Any
    ) -> None:
        """Delegates."""
        self.inner.after_trial(penalised(study, self.max_trials), trial, state, values)

    def _view_for(self, study: optuna.Study, trial: FrozenTrial) -> optuna.Study:
        """The study as the sampler sees it; where that is a part, the same for a whole proposal."""
        if self.max_trials is None:
            return penalised(study)
        if self._view is None or self._view[0] != trial.number:
            self._view = trial.number, penalised(study, self.max_trials)
        return self._view[1]


def penalised(study: optuna.Study, max_trials: int | None = None) -> optuna.Study:
    """A view of a study, or of a Hyperband bracket, in which failed trials scored 0.

    If there are more than `max_trials` finished trials, it has the best and the newest of them. The
    study is then read once, not for each parameter, which would take longer than the proposal.
    """
    return cast(optuna.Study, _PenalisedView(study, max_trials))


class _PenalisedView:
    """Delegates everything but the trials.

    It is not a copy, because Hyperband's brackets refuse to be copied.
    """

    def __init__(self, study: optuna.Study, max_trials: int | None) -> None:
        self._study, self._max_trials = study, max_trials
        self._scored: list[FrozenTrial] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._study, name)

    @property
    def trials(self) -> list[FrozenTrial]:
        return self.get_trials()

    def get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        return _of(states, self._all(lambda: self._study.get_trials(deepcopy=False)))

    def _get_trials(
        self,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
        use_cache: bool = False,
    ) -> list[FrozenTrial]:
        read = partial(self._study._get_trials, deepcopy=False, use_cache=use_cache)
        return _of(states, self._all(read))

    def _all(self, read: Callable[[], list[FrozenTrial]]) -> list[FrozenTrial]:
        if self._scored is not None:
            return self._scored
        scored = [_scored_0(trial) if _failed(trial) else trial for trial in read()]
        if self._max_trials is not None:
            scored = self._scored = best_and_newest(scored, self._max_trials)
        return scored


def _of(states: Container[TrialState] | None, trials: list[FrozenTrial]) -> list[FrozenTrial]:
    return [trial for trial in trials if states is None or trial.state in states]


def best_and_newest(trials: list[FrozenTrial], max_trials: int) -> list[FrozenTrial]:
    """Unfinished trials, and at most so many that are complete or pruned, in their order.

    The best of those that are complete stay; of the rest the newest do.
    """
    ended = [trial for trial in trials if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    if len(ended) <= max_trials:
        return trials
    complete = [trial for trial in ended if trial.state == TrialState.COMPLETE]
    complete.sort(key=lambda trial: (-(trial.value or 0.0), trial.number))
    chosen = {trial.number for trial in complete[: min(BEST_TRIALS, max_trials)]}
    newest = [trial.number for trial in reversed(ended) if trial.number not in chosen]
    chosen.update(newest[: max_trials - len(chosen)])
    return [trial for trial in trials if not trial.state.is_finished() or trial.number in chosen]


def _failed(trial: FrozenTrial) -> bool:
    return trial.state == TrialState.FAIL and not DUPLICATE_OF.recorded(trial)


def _scored_0(failed: FrozenTrial) -> FrozenTrial:
    trial = copy.copy(failed)
    trial.state, trial.values = TrialState.COMPLETE, [0.0]
    return trial
