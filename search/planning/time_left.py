"""How long a running search still takes: its rest, drawn many times from what was measured so far.

Each draw runs the remaining epochs and trials side by side, prunes at the rungs as often as was
seen, and adds the choice and report runs. The range is that of most draws. Two equal calls give
the same range, because the draws are the same each time.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import NamedTuple

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from search.planning.estimate import Measurement, choice_runs
from search.race import affordable_runs
from search.reports import ENDED_AT, STARTED_AT, run_seconds
from search.spec import SearchSpec
from search.study import records
from search.study.configuration import points
from search.study.pruners import PRUNABLE_FRACTION

START_SECONDS = 20.0
"""Of a command: imports, workers, data and floors."""
END_SECONDS = 12.0
"""Of a search: tables, report and the last of MLflow."""
WORKERS_SECONDS = 10.0
"""Until choice and report runs have workers: those of the trials end with these."""
DRAWS = 256
QUANTILES = (0.08, 0.5, 0.92)
SPREAD_OF_CONFIGURATIONS = 0.45
"""Standard deviation of the logarithm of an epoch's seconds over configurations, before it is
measured; and of how many trials' worth that is."""
SPREAD_TRIALS = 4.0
DRIFT = 0.12
"""Standard deviation of the logarithm by which later trials are slower or faster than the first
ones: the sampler prefers other batch sizes, and the machine does other things."""
OVERRUN = 0.15
"""Likewise of one epoch of a trial from its other epochs."""
PRIOR_TRIALS = 8.0
"""As many trials count what is expected of a rung, beside those that came to it."""
CONTINUES = {"asha": 0.4, "recent": 0.4, "rush": 0.35, "hyperband": 0.6, "median": 0.9}
"""Fraction of trials that continue from a rung, before it is measured. More than one in
`--reduction-factor`: early trials are compared with few, and the sampler improves."""
MEASURED_SPREAD = 0.35
"""Standard deviation of the logarithm of an epoch's seconds from those measured on a few sentences:
trials that run side by side slow each other down."""
CLASSIFIER = 0.35
"""Of an epoch: a classifier's stage after the budget, before it is measured."""
MAX_SIMULATED = 200
"""Trials to come that are simulated one by one; more of them are as slow as these on average."""
TEST = 0.25
"""Of an epoch: predictions and the test, after a full run."""


INERTIA = 0.2
"""Of the time left: how long it takes until most of a new forecast is shown."""


class Range(NamedTuple):
    """Seconds: most likely between `low` and `high`."""

    low: float
    middle: float
    high: float


@dataclass
class Steady:
    """What is shown of a forecast: it counts down, and takes in what is new bit by bit.

    Without that the time left would go up and down with every trial that ends. A forecast outside
    the range that is shown replaces it.
    """

    shown: Range | None = None
    at: float = 0.0

    def update(self, found: Range | None, now: float) -> Range | None:
        """The range to show at this time; `found`: what is forecast now."""
        if found is None or self.shown is None:
            self.shown, self.at = found, now
            return found
        passed = max(0.0, now - self.at)
        old = Range(*(max(0.0, seconds - passed) for seconds in self.shown))
        part = min(1.0, passed / max(1.0, INERTIA * found.middle))
        if not old.low <= found.middle <= old.high:
            part = 1.0
        self.shown = Range(*(then + part * (new - then) for then, new in zip(old, found)))
        self.at = now
        return self.shown


@dataclass(frozen=True)
class Guess:
    """What is expected before anything is measured: an epoch's seconds."""

    epoch: float
    spread: float
    """Standard deviation of its logarithm."""
    rest: float | None = None
    """What follows the budget, in epochs, if it is known."""

    @classmethod
    def measured(cls, trial: Measurement, epochs: int) -> "Guess":
        """From trial 0 on a few sentences; `epochs`: the budget."""
        budget = trial.seconds(epochs)
        rest = (trial.seconds() - budget) * epochs / budget
        return cls(budget / epochs, MEASURED_SPREAD, rest)


@dataclass(frozen=True)
class Seen:
    """What a trial has shown of its speed."""

    epochs: int
    """Recorded ones, at most the budget."""
    seconds: float
    """Per epoch of the budget, with the start of the run."""
    rest: float | None
    """Seconds of the stages after the budget, of a complete trial."""


@dataclass(frozen=True)
class RunsLeft:
    """Choice and report runs: what runs and what is still to come."""

    running: Sequence[float]
    """Seconds since each of the runs that are not done has begun; those that wait have 0."""
    choosing: bool
    """Whether they are choice runs; then report runs follow."""
    choice_runs_left: int = 0
    """How many further choice runs may follow, at most."""
    trial: int | None = None
    """The trial whose runs they are, of report runs."""


@dataclass
class TimeLeft:
    """The forecast of one search. It keeps what it read of finished trials."""

    spec: SearchSpec
    slots: int
    guess: Guess | None = None
    end: float = END_SECONDS
    """Seconds after the last run, until the search is done."""
    workers: float = WORKERS_SECONDS
    """Seconds before the first choice or report run."""
    _seen: dict[int, Seen] = field(default_factory=dict)

    def of_trials(
        self, trials: Sequence[FrozenTrial], now: float, budget: float = math.inf
    ) -> Range | None:
        """Seconds until the search ends; None where nothing is known.

        `trials`: those that have started. `now`: in seconds since 1970. `budget`: seconds until the
        time budget ends the trials.
        """
        rates = self._rates(trials, now)
        if rates is None:
            return None
        random = np.random.default_rng(0)
        draws = _Draws(random, self.slots)
        mean = rates.mean * _factors(random, rates.of_mean)
        continues = self._continuing(trials, random)
        epochs = np.zeros(DRAWS)
        for trial in trials:
            if trial.state == TrialState.RUNNING:
                own = self._running(trial, rates, now, random)
                run = self._epochs(continues, random, trial.number, own.recorded)
                draws.run(own.seconds(run, rates.rest), first=True)
                epochs += run
            else:
                epochs += self._facts(trial).epochs
        left = max(0, self.spec.trials - len(trials))
        simulated = min(left, MAX_SIMULATED)
        for number in range(simulated):
            run = self._epochs(continues, random, len(trials) + number, 0)
            own_rate = mean * _factors(random, rates.spread)
            rest = np.where(run >= self.spec.epochs, rates.rest, 0.0)
            draws.run((run + rest) * own_rate * left / simulated)
            epochs += run * left / simulated
        draws.wait()
        draws.at_most(max(0.0, budget))
        if self.spec.confirm_top:
            full = self._full(trials, mean, rates, random)
            draws.add(self.workers * _factors(random, 0.3))
            self._choice(draws, full, epochs, random)
            draws.rounds(full, self.spec.report_seeds)
            draws.add(TEST * mean)
        draws.add(self.end * _factors(random, 0.3))
        return draws.range()

    def of_full_runs(
        self, runs: RunsLeft, trials: Sequence[FrozenTrial], now: float
    ) -> Range | None:
        """Seconds until the search ends, while choice or report runs are running."""
        rates = self._rates(trials, now)
        if rates is None:
            return None
        random = np.random.default_rng(0)
        draws = _Draws(random, self.slots)
        mean = np.full(DRAWS, rates.mean)
        full = self._full(trials, mean, rates, random, runs.trial)
        for elapsed in runs.running:
            own = full * _factors(random, OVERRUN / 2)
            draws.run(_left(own, elapsed), first=elapsed > 0)
        draws.wait()
        if runs.choosing:
            draws.choice(
                full,
                np.minimum(
                    runs.choice_runs_left,
                    np.round(random.uniform(0.0, 1.3, DRAWS) * runs.choice_runs_left),
                ).astype(int),
            )
            draws.rounds(full, self.spec.report_seeds)
        draws.add(TEST * mean)
        draws.add(self.end * _factors(random, 0.3))
        return draws.range()

    def full_seconds(self, trial: FrozenTrial) -> float:
        """How long a run of a complete trial takes."""
        seen = self._facts(trial)
        return seen.seconds * self.spec.epochs + (seen.rest or 0.0)

    @property
    def epoch_seconds(self) -> float | None:
        """Mean seconds of an epoch, over the trials that have ended; None before one has."""
        known = [seen.seconds for seen in self._seen.values() if seen.epochs]
        return fmean(known) if known else None

    def _choice(
        self, draws: "_Draws", full: np.ndarray, epochs: np.ndarray, random: np.random.Generator
    ) -> None:
        """The choice runs: a race ends somewhere between two runs and what it may spend."""
        spec = self.spec
        if spec.confirm_seeds or spec.confirm_top < 2 or spec.trials < 2:
            draws.rounds(full, choice_runs(spec))
            return
        most = np.array([affordable_runs(each, spec.epochs) for each in epochs])
        draws.choice(
            full, np.minimum(most, np.round(random.uniform(0.1, 1.3, DRAWS) * most)).astype(int)
        )

    def _facts(self, trial: FrozenTrial) -> Seen:
        """What a trial has shown; nothing is read twice of one that has ended."""
        if trial.number in self._seen:
            return self._seen[trial.number]
        epochs = records.epochs(trial)
        budget = epochs[: self.spec.epochs]
        seconds = run_seconds(budget) / len(budget) if budget else math.nan
        rest = None
        if trial.state == TrialState.COMPLETE:
            rest = run_seconds(epochs) - run_seconds(budget)
        seen = Seen(len(budget), seconds, rest)
        if trial.state.is_finished():
            self._seen[trial.number] = seen
        return seen

    def _rates(self, trials: Sequence[FrozenTrial], now: float) -> "_Rates | None":
        """How long epochs take."""
        facts = [self._facts(trial) for trial in trials]
        known = [seen.seconds for seen in facts if seen.epochs and seen.seconds > 0]
        rests = [
            seen.rest / seen.seconds for seen in facts if seen.rest is not None and seen.seconds > 0
        ]
        rest = fmean(rests) if rests else (CLASSIFIER if self._two_stages(trials) else 0.0)
        if not known:
            if self.guess is None:
                return None
            if self.guess.rest is not None:
                rest = self.guess.rest
            return _Rates(self.guess.epoch, self.guess.spread, SPREAD_OF_CONFIGURATIONS, rest)
        logs = np.log(known)
        count, prior = len(known), SPREAD_TRIALS
        spread = math.sqrt(
            (prior * SPREAD_OF_CONFIGURATIONS**2 + count * float(logs.var())) / (prior + count)
        )
        mean = fmean(known)
        return _Rates(mean, math.hypot(spread / math.sqrt(count), DRIFT), spread, rest)

    def _two_stages(self, trials: Sequence[FrozenTrial]) -> bool:
        return any("classifier" in records.CONFIG.read(trial) for trial in trials[:1])

    def _running(
        self, trial: FrozenTrial, rates: "_Rates", now: float, random: np.random.Generator
    ) -> "_Running":
        """A running trial: its own speed where it has shown it."""
        epochs = records.epochs(trial)
        seen = self._facts(trial)
        if seen.epochs:
            rate = seen.seconds * _factors(random, OVERRUN)
        else:
            spread = math.hypot(rates.of_mean, rates.spread)
            rate = rates.mean * _factors(random, spread)
        done, since = seen.epochs, _started(trial, now)
        if epochs and not repeats(trial, epochs):
            since = float(epochs[-1].get(ENDED_AT, now))
        elif epochs:
            done = 0
        beyond = max(0, len(epochs) - self.spec.epochs) if done else 0
        return _Running(rate, done, max(0.0, now - since), seen.epochs, beyond, self.spec.epochs)

    def _rungs(self) -> list[int]:
        """Epochs with which a trial may be pruned."""
        spec, last = self.spec, int(PRUNABLE_FRACTION * self.spec.epochs)
        if spec.scheduler == "none":
            return []
        if spec.scheduler == "median":
            return list(range(spec.grace_epochs + 1, last + 1))
        rungs, epoch = list[int](), spec.grace_epochs
        while epoch <= last:
            rungs.append(epoch)
            epoch *= spec.reduction_factor
        return rungs

    def _continuing(
        self, trials: Sequence[FrozenTrial], random: np.random.Generator
    ) -> dict[int, np.ndarray]:
        """For each rung: the fraction of trials that continue (draws)."""
        found, others = dict[int, np.ndarray](), trials[len(points(self.spec)) :]
        expected = CONTINUES.get(self.spec.scheduler, 1.0)
        for rung in self._rungs():
            facts = [(self._facts(trial).epochs, trial.state) for trial in others]
            pruned = sum(epochs == rung and state == TrialState.PRUNED for epochs, state in facts)
            arrived = sum(epochs >= rung for epochs, _ in facts)
            stay = PRIOR_TRIALS * expected + arrived - pruned
            found[rung] = random.beta(stay, PRIOR_TRIALS * (1 - expected) + pruned, DRAWS)
        return found

    def _epochs(
        self,
        continues: Mapping[int, np.ndarray],
        random: np.random.Generator,
        number: int,
        done: int,
    ) -> np.ndarray:
        """How many epochs of the budget a trial runs in all, of which some are done (draws)."""
        epochs = np.full(DRAWS, self.spec.epochs)
        for rung, fraction in sorted(continues.items(), reverse=True):
            ends = random.random(DRAWS) >= fraction
            if number != 0 and rung > done:
                epochs = np.where(ends, rung, epochs)
        return epochs

    def _full(
        self,
        trials: Sequence[FrozenTrial],
        mean: np.ndarray,
        rates: "_Rates",
        random: np.random.Generator,
        trial: int | None = None,
    ) -> np.ndarray:
        """Seconds of a full run of one of the best trials (draws)."""
        complete = [each for each in trials if each.state == TrialState.COMPLETE]
        best = sorted(complete, key=lambda each: -(each.value or 0.0))[: self.spec.confirm_top]
        best = [each for each in complete if each.number == trial] or best
        if not best:
            own = mean * _factors(random, rates.spread / math.sqrt(2))
            return own * (self.spec.epochs + rates.rest)
        seconds = fmean(self.full_seconds(each) for each in best)
        # Better ones that are still to come may be slower or faster.
        to_come = max(0.0, 1 - len(trials) / self.spec.trials)
        return seconds * _factors(random, math.hypot(0.08, 0.3 * to_come))


@dataclass(frozen=True)
class _Rates:
    """How long an epoch takes."""

    mean: float
    of_mean: float
    """Standard deviation of the logarithm of the mean."""
    spread: float
    """Likewise of one configuration from the mean."""
    rest: float
    """What follows the budget, in epochs."""


@dataclass(frozen=True)
class _Running:
    """A running trial: its epochs, and how long ago the last of them ended."""

    rate: np.ndarray
    done: int
    elapsed: float
    recorded: int
    beyond: int
    budget: int

    def seconds(self, epochs: np.ndarray, rest: float) -> np.ndarray:
        """Seconds that are left, where it runs to so many epochs (draws)."""
        complete = epochs >= self.budget
        whole = self.rate * (np.maximum(epochs, self.recorded) - self.done + complete * rest)
        if self.beyond:
            whole = self.rate * rest / (1 + self.beyond)
        return _left(whole, self.elapsed, self.rate)


class _Draws:
    """Slots that work off runs, once for each draw."""

    def __init__(self, random: np.random.Generator, slots: int) -> None:
        self.random, self.slots = random, slots
        self.free = np.zeros((DRAWS, max(1, slots)))
        self.place = 0

    def run(self, seconds: np.ndarray, first: bool = False) -> None:
        """A run takes the slot that is free first, or a slot of its own if it runs already."""
        if first and self.place < self.free.shape[1]:
            self.free[:, self.place] += seconds
            self.place += 1
            return
        rows = np.arange(DRAWS)
        self.free[rows, self.free.argmin(axis=1)] += seconds

    def wait(self) -> None:
        """Nothing starts before everything so far has ended."""
        self.free[:] = self.free.max(axis=1, keepdims=True)

    def at_most(self, seconds: float) -> None:
        """The time budget ends everything so far."""
        self.free = np.minimum(self.free, seconds)

    def add(self, seconds: np.ndarray) -> None:
        """Everything waits for so long."""
        self.free += seconds[:, None]

    def rounds(self, seconds: np.ndarray, runs: int) -> None:
        """So many runs of equal length, side by side."""
        self.add(seconds * math.ceil(runs / self.slots))

    def choice(self, seconds: np.ndarray, runs: np.ndarray) -> None:
        """A race of so many runs (draws): three of them at first, then two, side by side."""
        rounds = [_race_rounds(number, self.slots) for number in range(int(runs.max()) + 1)]
        self.add(seconds * np.array(rounds)[runs])

    def range(self) -> Range:
        """When everything has ended."""
        return Range(*map(float, np.quantile(self.free.max(axis=1), QUANTILES)))


def _race_rounds(runs: int, slots: int) -> int:
    """How often a race of so many runs waits for a run."""
    rounds, size = 0, 3
    while runs > 0:
        rounds += math.ceil(min(size, runs) / slots)
        runs -= size
        size = 2
    return rounds


def _left(whole: np.ndarray, elapsed: float, unit: np.ndarray | None = None) -> np.ndarray:
    """What is left of so many seconds. A run that takes longer than expected ends soon."""
    soon = 0.05 * (whole if unit is None else unit) + 0.1 * elapsed
    return np.maximum(whole - elapsed, np.minimum(soon, whole))


def _factors(random: np.random.Generator, spread: float) -> np.ndarray:
    """Log-normal factors with mean 1 (draws)."""
    return np.exp(random.normal(-(spread**2) / 2, spread, DRAWS))


def repeats(trial: FrozenTrial, epochs: Sequence[records.Record]) -> bool:
    """Whether a running trial was interrupted and now trains its recorded epochs again."""
    began = epochs[-1].get(STARTED_AT) if epochs else None
    if began is None or trial.datetime_start is None:
        return False
    return bool(began < trial.datetime_start.timestamp() - 1.0)


def _started(trial: FrozenTrial, now: float) -> float:
    return now if trial.datetime_start is None else trial.datetime_start.timestamp()
