"""How long a running search still takes: a simulation of its rest from what was measured so far.

Each draw runs the remaining epochs and trials side by side, prunes as often as so far, and adds the
choice and report runs. The range holds most draws.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from search.planning.draws import Draws, SecondsRange
from search.planning.estimate import choice_runs
from search.planning.speed import EpochTime, Guess, Speed, repeats
from search.planning.trial_lengths import Lengths
from search.race import affordable_runs
from search.seeds import report_counts
from search.spec import SearchSpec
from search.study import records
from search.study.patience import MIN_PATIENCE_TRIALS
from search.worker_reports import ENDED_AT

START_SECONDS = 20.0
"""Of a command: imports, workers, data and floors."""
END_SECONDS = 3.0
"""Of a command's first search: tables, report, the last of MLflow. Measured: 1.8 to 4.2 (n=4)."""
TEST_EPOCHS = 0.25
"""Of an epoch: the test of the report runs."""
CONSTANTS_DEVIATION = 0.3
"""Standard deviation of the logarithm of these constants."""
OVERRUN_DEVIATION = 0.15
"""Likewise of a trial's epochs from its epochs so far."""
RERUN_DEVIATION, TRIALS_TO_COME_DEVIATION = 0.08, 0.3
"""Likewise of a full run from the best trials so far, and how much more while trials are to
come."""
RACE = (-1.0, 2.0)
"""The fraction of its runs that a race spends is drawn between these and cut off at 0 and 1: of 25
published searches 16 spent none, and the others all."""
FIRST_EPOCH = 1.15
"""A trial's first epoch takes at least so many times as long as it has taken."""
MAX_SIMULATED = 200
"""Trials to come that are drawn one by one; more of them are as slow as these on average."""
SOON_EPOCH_FRACTION, SOON_ELAPSED_FRACTION = 0.05, 0.1
"""What takes longer than expected ends within these parts of an epoch and of its time so far."""


@dataclass(frozen=True)
class RunsLeft:
    """Choice and report runs: what runs and what is still to come."""

    running: Sequence[float]
    """Seconds since each of the runs that are not done has begun; those that wait have 0."""
    choosing: bool
    """Whether they are choice runs; then report runs follow."""
    further: int = 0
    """How many further runs of the kind may follow, at most."""
    trial: int | None = None
    """The trial whose report runs they are."""


@dataclass
class TimeLeft:
    """The forecast of one search."""

    spec: SearchSpec
    slots: int
    guess: Guess | None = None
    end: float = END_SECONDS
    """Seconds after the last run, until the search is done."""
    speed: Speed = field(init=False)

    def __post_init__(self) -> None:
        self.speed = Speed(self.spec.epochs, self.guess)

    def of_trials(
        self, trials: Sequence[FrozenTrial], now: float, budget: float = math.inf
    ) -> SecondsRange | None:
        """Seconds until the search ends; None where nothing is known.

        `trials`: those that have started. `now`: in seconds since 1970. `budget`: seconds until the
        time budget ends the trials.
        """
        epoch_time = self.speed.epoch_time(trials, now)
        if epoch_time is None:
            return None
        draws = Draws(self.slots)
        lengths = Lengths(self.spec, trials, self.speed, draws)
        mean = epoch_time.mean * draws.factors(epoch_time.of_mean)
        trained = self._started(trials, epoch_time, lengths, draws, now)
        trained = trained + self._to_come(len(trials), mean, epoch_time, lengths, draws)
        draws.wait()
        draws.at_most(budget)
        if self.spec.confirm_top:
            full = self._full(trials, mean, epoch_time, draws)
            self._choice(draws, full, trained)
            self._report(draws, full)
            draws.add(TEST_EPOCHS * mean)
        draws.add(self.end * draws.factors(CONSTANTS_DEVIATION))
        return draws.range()

    def of_full_runs(
        self, runs: RunsLeft, trials: Sequence[FrozenTrial], now: float
    ) -> SecondsRange | None:
        """Seconds until the search ends, while choice or report runs are running."""
        epoch_time = self.speed.epoch_time(trials, now)
        if epoch_time is None:
            return None
        draws = Draws(self.slots)
        mean = np.full_like(draws.free[:, 0], epoch_time.mean)
        full = self._full(trials, mean, epoch_time, draws, runs.trial)
        for elapsed in runs.running:
            length = full * draws.factors(OVERRUN_DEVIATION / 2)
            (draws.go_on if elapsed else draws.run)(_remaining(length, elapsed, length))
        draws.wait()
        if runs.choosing:
            draws.race(full, np.round(draws.fractions(*RACE) * runs.further))
            self._report(draws, full)
        elif runs.further:
            draws.side_by_side(full, math.ceil(runs.further / 2))
        draws.add(TEST_EPOCHS * mean)
        draws.add(self.end * draws.factors(CONSTANTS_DEVIATION))
        return draws.range()

    def _report(self, draws: Draws, full: np.ndarray) -> None:
        """Run the report runs; of further ones, as many as are needed about half of the time."""
        trained, full = 0, self.spec.models_per_report_run * full
        for count in report_counts(self.spec.report_seeds)[:2]:
            draws.side_by_side(full, count - trained)
            trained = count

    def _started(
        self,
        trials: Sequence[FrozenTrial],
        epoch_time: EpochTime,
        lengths: Lengths,
        draws: Draws,
        now: float,
    ) -> np.ndarray:
        """Run the trials that run; returns the epochs of all that have started (draws)."""
        trained = np.zeros_like(draws.free[:, 0])
        for trial in trials:
            observed = self.speed.of(trial)
            if trial.state != TrialState.RUNNING:
                trained += observed.epochs
                continue
            length = lengths.of(trial.number, observed.epochs)
            draws.go_on(self._running(trial, length, lengths.full, epoch_time, draws, now))
            trained += length
        return trained

    def _running(
        self,
        trial: FrozenTrial,
        length: np.ndarray,
        full: float,
        epoch_time: EpochTime,
        draws: Draws,
        now: float,
    ) -> np.ndarray:
        """Seconds until a running trial ends with so many epochs, at its own speed if it is known
        (draws); with `full` of them it goes on with its later stages."""
        epochs, observed = records.epochs(trial), self.speed.of(trial)
        if observed.epochs:
            epoch = observed.seconds * draws.factors(OVERRUN_DEVIATION)
        else:
            epoch = epoch_time.mean * draws.factors(
                math.hypot(epoch_time.of_mean, epoch_time.deviation)
            )
        done, since = observed.epochs, now
        if repeats(trial, epochs):
            done = 0
        if done:
            since = float(epochs[-1].get(ENDED_AT, now))
        elif trial.datetime_start:
            since = trial.datetime_start.timestamp()
        if not observed.epochs:
            epoch = np.maximum(epoch, FIRST_EPOCH * (now - since))
        beyond = len(epochs) - observed.epochs
        if done and beyond > 0:
            whole = epoch * epoch_time.rest / (1 + beyond)
        else:
            whole = epoch * (np.maximum(length - done, 0) + epoch_time.rest * (length >= full))
        return _remaining(whole, max(0.0, now - since), epoch)

    def _to_come(
        self, started: int, mean: np.ndarray, epoch_time: EpochTime, lengths: Lengths, draws: Draws
    ) -> np.ndarray:
        """Run the trials that have not started; returns their epochs (draws)."""
        trained = np.zeros_like(mean)
        count = max(0, self.spec.trials - started)
        ends_after = self._ends_after(started, draws)
        for number in range(min(count, MAX_SIMULATED)):
            like = count / min(count, MAX_SIMULATED)
            length = lengths.of(started + number) * (started + number * like < ends_after)
            epochs = length + epoch_time.rest * (length >= lengths.full)
            draws.run(epochs * mean * draws.factors(epoch_time.deviation) * like)
            trained += length * like
        return trained

    def _ends_after(self, started: int, draws: Draws) -> np.ndarray:
        """How many trials the search has at its end (draws).

        With `--patience auto`, half of the time no more than it must have.
        """
        if self.spec.patience != "auto":
            return np.full_like(draws.free[:, 0], self.spec.trials)
        least = min(max(started, MIN_PATIENCE_TRIALS), self.spec.trials)
        more = draws.fractions(-1.0, 1.0)
        return least + more * (self.spec.trials - least)

    def _choice(self, draws: Draws, full: np.ndarray, trained: np.ndarray) -> None:
        """Run the choice runs, of which as many are affordable as there were epochs for."""
        spec = self.spec
        if spec.confirm_seeds or spec.confirm_top < 2 or spec.trials < 2:
            draws.side_by_side(full, choice_runs(spec))
            return
        affordable = np.array([affordable_runs(epochs, spec.epochs) for epochs in trained])
        draws.race(full, np.round(draws.fractions(*RACE) * affordable))

    def _full(
        self,
        trials: Sequence[FrozenTrial],
        mean: np.ndarray,
        epoch_time: EpochTime,
        draws: Draws,
        trial: int | None = None,
    ) -> np.ndarray:
        """Seconds of a full run of one of the best trials, or of a given one (draws)."""
        complete = [each for each in trials if each.state == TrialState.COMPLETE]
        best = sorted(complete, key=lambda each: -(each.value or 0.0))[: self.spec.confirm_top]
        best = [each for each in complete if each.number == trial] or best
        if not best:
            return mean * draws.factors(epoch_time.deviation) * (self.spec.epochs + epoch_time.rest)
        seconds = fmean(self.speed.full_run(each) for each in best)
        to_come = max(0.0, 1 - len(trials) / self.spec.trials)
        return seconds * draws.factors(
            math.hypot(RERUN_DEVIATION, TRIALS_TO_COME_DEVIATION * to_come)
        )


def _remaining(whole: np.ndarray, elapsed: float, epoch: np.ndarray) -> np.ndarray:
    """What is left of so many seconds (draws)."""
    soon = SOON_EPOCH_FRACTION * epoch + SOON_ELAPSED_FRACTION * elapsed
    return np.maximum(whole - elapsed, np.minimum(soon, whole))
