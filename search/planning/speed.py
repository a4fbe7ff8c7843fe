"""How fast the trials of a search are, measured on those so far."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import fmean

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from search.planning.estimate import Measurement
from search.study import records
from search.worker_reports import STARTED_AT, run_seconds

DEVIATION, DEVIATION_TRIALS = 0.45, 4.0
"""Prior standard deviation of the logarithm of an epoch's seconds over configurations, and the
number of trials that it weighs as much as."""
LOG_SECONDS_DRIFT = 0.12
"""Standard deviation of the logarithm by which later trials are slower or faster than the first
ones: the sampler prefers other batch sizes, and the machine does other things."""
MEASURED_DEVIATION = 0.35
"""The same between a dry run's measurement on a few sentences and a trial: trials that run side by
side slow each other down."""
CLASSIFIER_STAGE_EPOCHS = 0.35
"""Expected length of a classifier stage after the budget, in epochs, before it is measured."""


@dataclass(frozen=True)
class Guess:
    """What is expected before an epoch has ended."""

    epoch: float
    """Its seconds."""
    deviation: float
    """Standard deviation of their logarithm."""
    rest: float | None = None
    """What follows the budget, in epochs, if it is known."""

    @classmethod
    def measured(cls, trial: Measurement, epochs: int) -> "Guess":
        """From trial 0 on a few sentences; `epochs`: the budget."""
        budget = trial.seconds(epochs)
        rest = (trial.seconds() - budget) * epochs / budget
        return cls(budget / epochs, MEASURED_DEVIATION, rest)


@dataclass(frozen=True)
class Observed:
    """What was observed of a trial."""

    epochs: int
    """Recorded epochs, without later stages."""
    seconds: float
    """Per epoch of the budget, with the start of the run."""
    rest: float | None
    """Seconds of the stages after the budget, of a complete trial."""


@dataclass(frozen=True)
class EpochTime:
    """How long an epoch takes."""

    mean: float
    of_mean: float
    """Standard deviation of the logarithm of the mean."""
    deviation: float
    """Likewise of one configuration from the mean."""
    rest: float
    """What follows the budget, in epochs."""


@dataclass
class Speed:
    """The speed of a search's trials. Those that have ended are read from the study once."""

    budget: int
    guess: Guess | None = None
    _observed: dict[int, Observed] = field(default_factory=dict)

    def of(self, trial: FrozenTrial) -> Observed:
        """What was observed of a trial."""
        if trial.number in self._observed:
            return self._observed[trial.number]
        epochs = records.epochs(trial)
        budget = [epoch for epoch in epochs if epoch["epoch"] <= self.budget]
        seconds = run_seconds(budget) / len(budget) if budget else math.nan
        rest = None
        if trial.state == TrialState.COMPLETE:
            rest = run_seconds(epochs) - run_seconds(budget)
        observed = Observed(len(budget), seconds, rest)
        if trial.state.is_finished():
            self._observed[trial.number] = observed
        return observed

    @property
    def mean(self) -> float | None:
        """Mean seconds of an epoch, over the trials that have ended; None before one has."""
        known = [observed.seconds for observed in self._observed.values() if observed.epochs]
        return fmean(known) if known else None

    def _in_first_epoch(self, trials: Sequence[FrozenTrial]) -> Iterator[float]:
        """When the running trials without an epoch began."""
        for trial in trials:
            began, running = trial.datetime_start, trial.state == TrialState.RUNNING
            if running and began is not None and not self.of(trial).epochs:
                yield began.timestamp()

    def full_run(self, trial: FrozenTrial) -> float:
        """Seconds of a run of a complete trial."""
        observed = self.of(trial)
        return observed.seconds * observed.epochs + (observed.rest or 0.0)

    def epoch_time(self, trials: Sequence[FrozenTrial], now: float) -> EpochTime | None:
        """How long epochs take, in these trials and the next ones; None where nothing is known."""
        timed = [
            observed
            for observed in map(self.of, trials)
            if observed.epochs and observed.seconds > 0
        ]
        rests = [
            observed.rest / observed.seconds for observed in timed if observed.rest is not None
        ]
        two_stages = any("classifier" in records.CONFIG.read(trial) for trial in trials[:1])
        rest = fmean(rests) if rests else CLASSIFIER_STAGE_EPOCHS * two_stages
        if not timed:
            if self.guess is None:
                return None
            rest = rest if self.guess.rest is None else self.guess.rest
            return EpochTime(self.guess.epoch, self.guess.deviation, DEVIATION, rest)
        seconds = [observed.seconds for observed in timed]
        mean = fmean(seconds)
        # A first epoch that takes longer than the mean says how long it takes at least.
        slow = [now - began for began in self._in_first_epoch(trials)]
        seconds += [elapsed for elapsed in slow if elapsed > mean]
        count, prior = len(seconds), DEVIATION_TRIALS
        variance = prior * DEVIATION**2 + count * float(np.log(seconds).var())
        deviation = math.sqrt(variance / (prior + count))
        return EpochTime(
            fmean(seconds),
            math.hypot(deviation / math.sqrt(count), LOG_SECONDS_DRIFT),
            deviation,
            rest,
        )


def repeats(trial: FrozenTrial, epochs: Sequence[records.Record]) -> bool:
    """Whether a running trial was interrupted and now trains its recorded epochs again."""
    began = epochs[-1].get(STARTED_AT) if epochs else None
    if began is None or trial.datetime_start is None:
        return False
    return bool(began < trial.datetime_start.timestamp() - CLOCKS_DIFFER)


CLOCKS_DIFFER = 1.0
"""Seconds by which the clocks of driver and workers may differ."""
