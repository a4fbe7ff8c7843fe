"""The live view of a running search, in at most the height of the terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from optuna.trial import FrozenTrial, TrialState
from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from analysis.text import duration
from search.cluster.room import Room
from search.spec import SearchSpec
from search.study import records
from search.terminal.text import ago, difference, per_trial, sparkline

SPARKLINE_EPOCHS = 12
"""Epochs that a trial's curve shows, the last ones."""
STATES = {
    TrialState.RUNNING: "running",
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}
HEADER_LINES = 7
"""Lines of the view that are not a trial's."""


@dataclass(frozen=True)
class LiveView:
    """What stays the same while a search runs."""

    spec: SearchSpec
    room: Room
    paper: Mapping[str, Any]
    """Trial 0's configuration, with which the others are compared."""

    def render(
        self,
        trials: Sequence[FrozenTrial],
        *,
        elapsed: float,
        eta: str,
        trials_per_hour: float | None,
        height: int,
    ) -> Group:
        """Draw the trials in `height` lines."""
        states: dict[TrialState, list[FrozenTrial]] = {state: [] for state in TrialState}
        for trial in trials:
            states[trial.state].append(trial)
        running = states[TrialState.RUNNING]
        waiting = sum(trial.number in self.room.waiting for trial in running)
        numbers = {state: len(trials) for state, trials in states.items()}
        numbers[TrialState.RUNNING] -= waiting
        counts = ", ".join(f"{numbers[state]} {name}" for state, name in STATES.items())
        counts += f", {waiting} waiting for room" if waiting else ""
        finished, total = len(trials) - len(running), self.spec.trials
        bar = ProgressBar(
            max(1, total), finished, complete_style="green", finished_style="green", style="dim"
        )
        rate = f"{trials_per_hour:,.0f} trials per hour, " if trials_per_hour is not None else ""
        lines: list[RenderableType] = [
            _two_sides(
                _one_line(self.spec.regime, "bold").append(f"  {self.spec.name}", "not bold"),
                f"after {duration(elapsed)}, {eta}",
            ),
            _two_sides(bar, f"{finished}/{total} trials"),
            _one_line(counts),
            _one_line(f"{rate}{self.room.slots} at a time, {per_trial(self.room.resources)}"),
            self.best(states[TrialState.COMPLETE]),
        ]
        room = max(1, height - HEADER_LINES - 1)
        if len(running) > room:
            lines.append(_one_line(f"the first {room} of {len(running)} running trials:", "dim"))
        if running:
            lines.append(self._running(running[:room]))
        return Group(*lines)

    def best(self, complete: Sequence[FrozenTrial]) -> Text:
        """The best complete trial: its accuracy, number, age and configuration."""
        best = max(complete, key=lambda trial: trial.value or 0.0, default=None)
        if best is None:
            return _one_line("best so far: none yet")
        age = ""
        if best.datetime_complete:
            age = ago((datetime.now() - best.datetime_complete).total_seconds())
        config = difference(records.CONFIG.read(best), self.paper) or "same as trial 0"
        return _one_line(f"best so far: {best.value:.4f}", "bold green").append(
            f"  trial {best.number}, {age}  {config}", style="not bold default"
        )

    def _running(self, running: Sequence[FrozenTrial]) -> Table:
        table = Table(box=None, pad_edge=False, header_style="dim", expand=True)
        columns = (("trial", 5), ("epoch", 6), ("accuracy", 8), ("", SPARKLINE_EPOCHS))
        for column, width in columns:
            table.add_column(column, min_width=width, no_wrap=True)
        table.add_column("differs from trial 0", ratio=1, no_wrap=True, overflow="ellipsis")
        for trial in running:
            config = records.CONFIG.read(trial)
            accuracies = [epoch["validation_accuracy"] for epoch in records.epochs(trial)]
            table.add_row(
                str(trial.number),
                f"{len(accuracies)}/{self.spec.epochs + classifier_epochs(config)}",
                f"{accuracies[-1]:.4f}" if accuracies else "",
                "waiting"
                if trial.number in self.room.waiting
                else sparkline(accuracies[-SPARKLINE_EPOCHS:]),
                difference(config, self.paper),
            )
        return table


def classifier_epochs(config: Mapping[str, Any]) -> int:
    """Epochs of a separate classifier stage, which follows the budget; 0 without one.

    A classifier with a closed-form solution takes one.
    """
    return 1 if config.get("classifier") == "ridge" else int(config.get("head_epochs", 0))


def _one_line(text: str, style: str = "") -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def _two_sides(left: RenderableType, right: str) -> Table:
    """A line with something at either end. Where it is too long, the left end is cut first."""
    table = Table.grid(expand=True, padding=(0, 1), pad_edge=False)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column(justify="right", no_wrap=True, overflow="ellipsis")
    table.add_row(left, right)
    return table
