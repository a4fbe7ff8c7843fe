"""Time and memory of a search, extrapolated from trial 0."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from search.race import affordable_runs
from search.seeds import report_counts
from search.spec import SearchSpec
from search.study.pruners import HALVING, PRUNABLE_FRACTION
from search.study.study import read_study, trials


@dataclass(frozen=True)
class StageTime:
    """A training stage: so many epochs of one kind.

    The first epoch may take longer: a frozen encoder encodes all sentences there.
    """

    epochs: int
    first: float
    """Seconds of the first epoch, on all the data."""
    later: float
    """Seconds of each further epoch."""


@dataclass(frozen=True)
class Measurement:
    """Trial 0 on this machine, running alone, scaled to all the data."""

    setup: float
    """Seconds to build the model."""
    stages: tuple[StageTime, ...]
    peak_memory: int
    """Bytes of the process, at most."""
    sentences: int
    """Number of training sentences that it was measured on."""

    def seconds(self, epochs: float = math.inf) -> float:
        """Duration of a trial that is pruned after so many epochs, or else of a complete one."""
        total = self.setup
        for stage in self.stages:
            run = min(epochs, stage.epochs)
            epochs -= run
            total += stage.first + (run - 1) * stage.later if run else 0.0
        return total


@dataclass(frozen=True)
class Estimate:
    """What a search will take."""

    trials: int
    """Still to run."""
    unpruned: float
    """Seconds of all of them, if each takes as long as trial 0 and none is pruned."""
    pruned: float | None
    """The same if as many continue from each rung as the scheduler intends; None for a scheduler
    without such a number."""
    choice_and_report: float
    """Seconds of the runs that choose the winner, and of those that report it."""
    memory: float
    """Bytes of all trials that run at the same time."""

    @property
    def expected(self) -> float:
        """Seconds of the trials, for warnings."""
        return self.unpruned if self.pruned is None else self.pruned


def estimate(spec: SearchSpec, trial: Measurement, slots: int, finished: int = 0) -> Estimate:
    """Scale trial 0 to a search that has `finished` trials already."""
    left, whole = max(0, spec.trials - finished), trial.seconds()
    unpruned = math.ceil(left / slots) * whole
    pruned = None
    if left and rung_epochs(spec):
        complete = 1 if finished == 0 else 0  # Trial 0 is never pruned.
        mean = mean_seconds(trial, rung_epochs(spec), spec.reduction_factor)
        total = complete * whole + (left - complete) * mean
        pruned = min(unpruned, max(whole, total / slots))
    choice = choice_runs(spec)
    counts = report_counts(spec.report_seeds) if spec.confirm_top else (0,)
    rounds = [counts[0], *(more - fewer for fewer, more in pairwise(counts))]
    # Each round begins when the one before it has ended.
    waves = math.ceil(choice / slots) + spec.models_per_report_run * sum(
        math.ceil(runs / slots) for runs in rounds
    )
    memory = min(slots, max(left, choice, *rounds)) * trial.peak_memory
    return Estimate(left, unpruned, pruned, waves * whole, memory)


def choice_runs(spec: SearchSpec) -> int:
    """How many runs will choose the winner, at most."""
    if spec.confirm_seeds or spec.confirm_top < 2:
        return min(spec.confirm_top, spec.trials) * (spec.confirm_seeds or 0)
    an_epoch_each = Measurement(0.0, (StageTime(spec.epochs, 1.0, 1.0),), 0, 0)
    mean = mean_seconds(an_epoch_each, rung_epochs(spec), spec.reduction_factor)
    return affordable_runs(spec.trials * mean, spec.epochs)


def finished_trials(spec: SearchSpec) -> int:
    """How many trials the search has finished; 0 where it has no journal yet."""
    try:
        return sum(trial.state.is_finished() for trial in trials(read_study(spec.folder)))
    except ValueError:
        return 0


def rung_epochs(spec: SearchSpec) -> list[int]:
    """Epochs after which one trial in so many continues; empty for a scheduler that promises none.

    None is late in the budget, where no trial is pruned any more.
    """
    epochs, epoch = list[int](), spec.grace_epochs
    while spec.scheduler in HALVING and epoch <= PRUNABLE_FRACTION * spec.epochs:
        epochs.append(epoch)
        epoch *= spec.reduction_factor
    return epochs


def mean_seconds(trial: Measurement, rungs: Sequence[int], factor: int) -> float:
    """Mean duration of a trial, where one in `factor` continues from each rung."""
    total, fraction = 0.0, 1.0
    for epoch in rungs:
        total += fraction * (1 - 1 / factor) * trial.seconds(epoch)
        fraction /= factor
    return total + fraction * trial.seconds()


def warnings(
    spec: SearchSpec, trial: Measurement, estimated: Estimate, slots: int, free: int
) -> list[str]:
    """What exceeds the time limits or the `free` bytes of memory, a line each."""
    lines = []
    if spec.time_budget is not None and estimated.expected > spec.time_budget:
        fit = math.floor(estimated.trials * spec.time_budget / estimated.expected)
        lines.append(
            f"--time-budget will end the search after about {fit} of {estimated.trials} trials"
        )
    if spec.trial_timeout is not None and trial.seconds() > spec.trial_timeout:
        lines.append("--trial-timeout is shorter than trial 0, which would fail")
    if estimated.memory > free:
        fit = free // trial.peak_memory
        remedy = f"--max-concurrent {fit} would fit" if fit else "not even one trial fits"
        lines.append(f"{slots} trials at a time need more memory than is free: {remedy}")
    return lines
