"""Progress of a running search: a live view in a terminal, plain lines elsewhere."""

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState
from rich.console import Console
from rich.constrain import Constrain
from rich.live import Live

from analysis.metric import percent_of
from analysis.text import counted, duration
from search.cluster.capacity import Capacity
from search.planning.draws import SecondsRange
from search.planning.queue import Queue
from search.planning.smoothing import SmoothedRange
from search.planning.time_left import TimeLeft
from search.spec import SearchSpec
from search.study import records
from search.study import study as studies
from search.terminal.full_runs import FullRuns
from search.terminal.live_view import Clock, LiveView
from search.terminal.text import between, percent, roughly
from search.trials.choice_and_report import Round, Run
from search.worker_reports import ENDED_AT

ECHO_WIDTH = 3
"""Columns right of the live view that stay empty. A terminal writes `^C` there; if it had to wrap
the line for that, the next redraw would begin a line too low."""
CLOCK_SECONDS = 0.9
"""Redraw interval where nothing but the times has changed: a second, less a poll's jitter."""


HEARTBEAT_SECONDS = 60.0
"""A file gets a line after so much silence, or after `HEARTBEAT_PART` of the time so far."""
HEARTBEAT_PART = 0.05
MAX_TRIALS_NAMED = 8
"""Running trials that such a line names; it counts the others."""


class Progress:
    """Shows a running search; `update` redraws it from the study's current state.

    A terminal gets the live view, and a line for each new reason why trials fail. A file gets a
    line for each trial that ends, and one where long nothing ends. `quiet` leaves only the reasons.
    Choice and report runs are shown likewise, from `begin` on.
    """

    def __init__(
        self,
        console: Console,
        study: optuna.Study,
        spec: SearchSpec,
        paper: Mapping[str, Any],
        capacity: Capacity,
        quiet: bool = False,
        time_left: TimeLeft | None = None,
        queue: Queue | None = None,
    ) -> None:
        """`queue`: the searches of which this is one."""
        self.console, self.study, self.spec, self.quiet = console, study, spec, quiet
        self.view = LiveView(spec, capacity, paper, queue.position if queue else "")
        self.capacity = capacity
        self.time_left = time_left or TimeLeft(spec, capacity.slots)
        self.queue = queue
        self.smoothed = SmoothedRange()
        self.runs: FullRuns | None = None
        self.began = time.monotonic()
        self.reported = {
            trial.number for trial in studies.trials(study) if trial.state.is_finished()
        }
        self.finished_before = len(self.reported)
        """Trials that an earlier process finished: they do not count for rates."""
        self.failures_only = console.is_terminal or quiet
        self.reasons: set[str] = set()
        self.said_stopping = False
        self.drawn: Any = None
        self.next_draw = 0.0
        self.last_line = self.began
        # `update` is called in one thread, `begin` and `ended` in another.
        self.lock = threading.RLock()
        # Without rich's own refresh thread, which would redraw an unchanged view.
        self.live = (
            Live(console=console, auto_refresh=False, transient=True)
            if console.is_terminal and not quiet
            else None
        )

    def __enter__(self) -> "Progress":
        if self.live:
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.live:
            self.live.stop()

    def update(self) -> None:
        """Print a line for each trial that has ended since the last update, and redraw the view."""
        with self.lock:
            trials = studies.trials(self.study)
            ended = [
                trial
                for trial in trials
                if trial.state.is_finished() and trial.number not in self.reported
            ]
            self.reported.update(trial.number for trial in ended)
            if ended:
                ended.sort(key=lambda trial: trial.datetime_complete or trial.datetime_start or 0)
                finished, standing = self._standing(trials)
                for count, trial in enumerate(ended, finished - len(ended) + 1):
                    if not self.failures_only or self._is_new_failure(trial):
                        self._print(self._line(trial, count, standing))
            if self.live:
                self._draw(self.live, trials)
            elif not self.quiet:
                self._beat(trials)

    def begin(self, round: Round) -> None:
        """Show choice or report runs from now on, and before that the last trials."""
        self.update()
        with self.lock:
            trials = studies.trials(self.study)
            numbers = {run.trial for run in round.runs}
            seconds = {
                trial.number: self.time_left.speed.full_run(trial)
                for trial in trials
                if trial.number in numbers
            }
            self.runs = FullRuns(round, seconds)
            if not self.quiet:
                eta = "" if self.live else f"; {self.eta(trials)}"
                self._print(f"{round.what}{eta}")
        self.update()

    def started(self, run: Run) -> None:
        """A choice or report run has a worker."""
        with self.lock:
            if self.runs is not None:
                self.runs.start(run, time.time())

    def epoch_ended(self, run: Run, epoch: records.Record) -> None:
        """A choice or report run has ended an epoch."""
        with self.lock:
            if self.runs is not None:
                self.runs.epochs.setdefault(run, []).append(epoch)

    def queued(self, run: Run) -> None:
        """A choice or report run has lost its worker."""
        with self.lock:
            if self.runs is not None:
                self.runs.wait(run)

    def ended(self, run: Run, result: str) -> None:
        """A choice or report run has ended."""
        with self.lock:
            if self.runs is not None:
                self.runs.ended.append(run)
            if not self.quiet:
                self._print(f"  trial {run.trial}, seed {run.seed}: {result}")
        self.update()

    def trials_per_second(self, finished: int) -> float:
        """Rate of this process; `finished` counts all of the study's trials that have ended."""
        return (finished - self.finished_before) / max(1e-9, self._elapsed)

    def seconds_left(self, trials: Sequence[FrozenTrial]) -> SecondsRange | None:
        """Seconds until the search ends."""
        now = time.time()
        self.time_left.slots = max(1, self.capacity.slots)  # A cluster grows and shrinks.
        if self.runs is not None:
            forecast = self.time_left.of_full_runs(self.runs.forecast(now), trials, now)
        else:
            limit = self.spec.time_budget
            budget = float("inf") if limit is None else limit - self._elapsed
            forecast = self.time_left.of_trials(trials, now, budget)
        return self.smoothed.update(forecast, now)

    def eta(self, trials: Sequence[FrozenTrial]) -> str:
        """The time until the search ends in words."""
        left = self.seconds_left(trials)
        if left is None:
            return "time left: known after the first epoch"
        round_only = " in this round" if self.queue is not None and self.queue.interim else ""
        return f"{between(left.low, left.high)} left{round_only}"

    def print_stopping(self) -> None:
        """Say once that the search ends: after the epochs of its trials that are running, and
        when."""
        if self.said_stopping:
            return
        self.said_stopping = True
        if self.runs is not None:
            self.console.print("stopping: finished runs are recorded; press again to abort")
            return
        seconds = epoch_seconds_left(studies.trials(self.study), time.time())
        about = "" if seconds is None else f"about {roughly(max(1.0, seconds))}; "
        self.console.print(f"stopping after this epoch ({about}press again to abort)")
        self.next_draw = 0.0

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self.began

    def _print(self, line: str) -> None:
        self.last_line = time.monotonic()
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _beat(self, trials: Sequence[FrozenTrial]) -> None:
        """Print a progress line, if nothing was printed for long."""
        silence = time.monotonic() - self.last_line
        if silence < max(HEARTBEAT_SECONDS, HEARTBEAT_PART * self._elapsed):
            return
        waiting = self.capacity.waiting
        if self.runs is not None:
            running = [
                f"trial {run.trial} on seed {run.seed} for {duration(time.time() - began)}"
                for run, began in self.runs.pending.items()
                if began is not None
            ]
        else:
            running = [
                f"trial {trial.number} after {counted(len(records.epochs(trial)), 'epoch')}"
                for trial in trials
                if trial.state == TrialState.RUNNING and trial.number not in waiting
            ]
        said = []
        if running:
            more = len(running) - MAX_TRIALS_NAMED
            named = running[:MAX_TRIALS_NAMED] + ([f"{more} more"] if more > 0 else [])
            said.append(f"running: {', '.join(named)}")
        if waiting:
            said.append(f"waiting for room: {len(waiting)}")
        if said:
            until = "stopping" if self.said_stopping else self.eta(trials)
            self._print(f"{'; '.join(said)} ({until})")

    def _is_new_failure(self, trial: FrozenTrial) -> bool:
        """Whether a trial failed for a reason that no earlier one had."""
        reason = records.FAILURE.read(trial) or ""
        if trial.state != TrialState.FAIL or reason in self.reasons:
            return False
        self.reasons.add(reason)
        return True

    def _standing(self, trials: list[FrozenTrial]) -> tuple[int, str]:
        """How many trials have ended, and the best score and the remaining time in words."""
        complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
        best = max((trial.value or 0.0 for trial in complete), default=None)
        finished = sum(trial.state.is_finished() for trial in trials)
        best_text = f"best {percent_of(best, self.spec.metric)}, " if best is not None else ""
        return finished, best_text + self.eta(trials)

    def _line(self, trial: FrozenTrial, finished: int, standing: str) -> str:
        epochs = len(records.epochs(trial))
        how = {
            TrialState.COMPLETE: percent(trial.value or 0.0),
            TrialState.PRUNED: f"pruned after {epochs} of {self.spec.epochs} epochs",
            TrialState.FAIL: f"failed: {(records.FAILURE.read(trial) or 'unknown reason')}",
        }[trial.state]
        return f"[{finished}/{self.spec.trials}] trial {trial.number}: {how} ({standing})"

    def _draw(self, live: Live, trials: list[FrozenTrial]) -> None:
        """Redraw at once where something has changed, else once a second for the clock."""
        state = (
            [
                (trial.number, len(trial.user_attrs) + len(trial.system_attrs))
                for trial in trials
                if not trial.state.is_finished()
            ],
            None if self.runs is None else self.runs.state,
        )
        if state != self.drawn or self._elapsed >= self.next_draw:
            self.drawn, self.next_draw = state, self._elapsed + CLOCK_SECONDS
            live.update(Constrain(self.render(trials), self._width), refresh=True)

    @property
    def _width(self) -> int:
        return max(1, self.console.width - ECHO_WIDTH)

    def render(self, trials: list[FrozenTrial]) -> Any:
        """The live view of these trials, or of the runs after them."""
        eta, left = self.eta(trials), self.smoothed.shown
        whole = ""
        if self.view.position and self.queue is not None and left is not None:
            every = self.queue.until_all_end(left)
            whole = f"all regimes: {between(every.low, every.high)} left" if every else ""
        clock = Clock(
            self._elapsed,
            "stopping" if self.said_stopping else eta,
            whole,
            self._width,
            self.console.height,
        )
        if self.runs is not None:
            return self.view.of_full_runs(self.runs, trials, clock, time.time())
        finished = sum(trial.state.is_finished() for trial in trials)
        rate = self.trials_per_second(finished) if finished > self.finished_before else None
        return self.view.of_trials(trials, clock, None if rate is None else 3600 * rate)


def epoch_seconds_left(trials: Sequence[FrozenTrial], now: float) -> float | None:
    """Seconds until every running trial has ended its epoch; None where no epoch was timed, or one
    takes longer than expected.

    `now`: seconds since 1970. An epoch is expected to last as long as the trial's last one, a
    trial's first epoch as long as the slowest first one.
    """
    curves = [(trial, records.epochs(trial)) for trial in trials]
    first = max((epochs[0]["seconds"] for _, epochs in curves if epochs), default=None)
    ends = [0.0]
    for trial, epochs in curves:
        if trial.state != TrialState.RUNNING or first is None:
            continue
        if epochs:
            ends.append(epochs[-1].get(ENDED_AT, now) + epochs[-1]["seconds"] - now)
        elif trial.datetime_start:
            ends.append(trial.datetime_start.timestamp() + first - now)
    return None if first is None or min(ends) < 0 else max(ends)
