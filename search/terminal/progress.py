"""Progress of a running search: a live view in a terminal, plain lines elsewhere."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState
from rich.console import Console
from rich.constrain import Constrain
from rich.live import Live

from analysis.text import duration
from search.cluster.room import Room
from search.reports import ENDED_AT
from search.spec import SearchSpec
from search.study import records
from search.study import study as studies
from search.terminal.live_view import LiveView
from search.terminal.text import roughly

ECHO_WIDTH = 3
"""Columns right of the live view that stay empty. A terminal writes `^C` there; if it had to wrap
the line for that, the next redraw would begin a line too low."""
CLOCK_SECONDS = 0.9
"""Redraw interval where nothing but the times has changed: a second, less a poll's jitter."""


class Progress:
    """A context in which `update` shows the study's current state.

    A terminal gets the live view, and a line for each new reason why trials fail. A file gets a
    line for each trial that ends. `quiet` leaves only the reasons.
    """

    def __init__(
        self,
        console: Console,
        study: optuna.Study,
        spec: SearchSpec,
        paper: Mapping[str, Any],
        room: Room,
        quiet: bool = False,
    ) -> None:
        self.console, self.study, self.spec = console, study, spec
        self.view = LiveView(spec, room, paper)
        self.began = time.monotonic()
        self.reported = {
            trial.number for trial in studies.trials(study) if trial.state.is_finished()
        }
        self.finished_before = len(self.reported)
        """Trials that an earlier process finished: they do not count for rates."""
        self.failures_only = console.is_terminal or quiet
        self.reasons: set[str] = set()
        self.said_stopping = False
        self.drawn: list[tuple[int, int]] | None = None
        self.next_draw = 0.0
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
        trials = studies.trials(self.study)
        ended = [
            trial
            for trial in trials
            if trial.state.is_finished() and trial.number not in self.reported
        ]
        self.reported.update(trial.number for trial in ended)
        shown = [trial for trial in ended if not self.failures_only or self._is_new_failure(trial)]
        if shown:
            finished, standing = self._standing(trials)
            for trial in sorted(
                shown, key=lambda trial: trial.datetime_complete or trial.datetime_start or 0
            ):
                line = self._line(trial, finished, standing)
                self.console.print(line, markup=False, highlight=False, soft_wrap=True)
        if self.live:
            self._draw(self.live, trials)

    def trials_per_second(self, finished: int) -> float:
        """Rate of this process; `finished` counts all of the study's trials that have ended."""
        return (finished - self.finished_before) / max(1e-9, self._elapsed)

    def eta(self, finished: int) -> str:
        """Time until the last trial ends, at the rate so far and within the time budget."""
        if finished >= self.spec.trials:
            return "no trials left"
        rate, budget = self.trials_per_second(finished), self.spec.time_budget
        ends = [(self.spec.trials - finished) / rate] if rate > 0 else []
        ends += [budget - self._elapsed] if budget is not None else []
        return f"{duration(max(0.0, min(ends)))} of trials left" if ends else "time left unknown"

    def print_stopping(self) -> None:
        """Say once that the search ends after the epochs that are running, and when."""
        if self.said_stopping:
            return
        self.said_stopping = True
        seconds = epoch_seconds_left(studies.trials(self.study), time.time())
        about = "" if seconds is None else f"about {roughly(max(1.0, seconds))}; "
        self.console.print(f"stopping after this epoch ({about}press again to abort)")

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self.began

    def _is_new_failure(self, trial: FrozenTrial) -> bool:
        """Whether a trial failed for a reason that no earlier one had."""
        reason = records.FAILURE.read(trial) or ""
        if trial.state != TrialState.FAIL or reason in self.reasons:
            return False
        self.reasons.add(reason)
        return True

    def _standing(self, trials: list[FrozenTrial]) -> tuple[int, str]:
        """How many trials have ended, and the best accuracy and the remaining time in words."""
        complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
        best = max((trial.value or 0.0 for trial in complete), default=None)
        finished = sum(trial.state.is_finished() for trial in trials)
        best_text = f"best {best:.4f}, " if best is not None else ""
        return finished, best_text + self.eta(finished)

    def _line(self, trial: FrozenTrial, finished: int, standing: str) -> str:
        epochs = len(records.epochs(trial))
        how = {
            TrialState.COMPLETE: f"{trial.value or 0:.4f}",
            TrialState.PRUNED: f"pruned after {epochs} of {self.spec.epochs} epochs",
            TrialState.FAIL: f"failed: {(records.FAILURE.read(trial) or 'unknown reason')}",
        }[trial.state]
        return f"[{finished}/{self.spec.trials}] trial {trial.number}: {how} ({standing})"

    def _draw(self, live: Live, trials: list[FrozenTrial]) -> None:
        """Redraw at once where a running trial has changed, else once a second for the clock."""
        running = [
            (trial.number, len(trial.user_attrs))
            for trial in trials
            if not trial.state.is_finished()
        ]
        if running != self.drawn or self._elapsed >= self.next_draw:
            self.drawn, self.next_draw = running, self._elapsed + CLOCK_SECONDS
            width = max(1, self.console.width - ECHO_WIDTH)
            live.update(Constrain(self.render(trials), width), refresh=True)

    def render(self, trials: list[FrozenTrial]) -> Any:
        """The live view of these trials."""
        finished = sum(trial.state.is_finished() for trial in trials)
        rate = self.trials_per_second(finished) if finished > self.finished_before else None
        return self.view.render(
            trials,
            elapsed=self._elapsed,
            eta=self.eta(finished),
            trials_per_hour=None if rate is None else 3600 * rate,
            height=self.console.height,
        )


def epoch_seconds_left(trials: Sequence[FrozenTrial], now: float) -> float | None:
    """Seconds until every running trial has ended its epoch; None where no epoch was timed.

    `now`: seconds since 1970. An epoch is taken to last as long as the trial's last one, a trial's
    first epoch as long as the slowest first one.
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
    return None if first is None else max(ends)
