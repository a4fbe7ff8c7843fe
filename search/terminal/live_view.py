"""The live view of a running search, in at most the height of the terminal."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from optuna.trial import FrozenTrial, TrialState
from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from analysis.metric import WORDS, percent_of, validation_field
from analysis.text import counted, duration
from search.cluster.capacity import Capacity
from search.planning.speed import repeats
from search.seeds import report_counts
from search.spec import SearchSpec
from search.study import records
from search.terminal.full_runs import FullRuns
from search.terminal.text import (
    ago,
    config_difference,
    config_differences,
    per_trial,
    percent,
    sparkline,
)

SPARKLINE_EPOCHS = 12
"""Epochs that a trial's curve shows, the last ones."""
SPARKLINE_FROM = 70
"""Columns of a terminal in which curves are drawn."""
STATES = {
    TrialState.RUNNING: "running",
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}
HEADER_LINES = 8
"""Lines of the view that are not a trial's, at most."""
COLUMN_GAP = 2
MIN_TEXT = 10
"""Columns that a configuration has at least."""


@dataclass(frozen=True)
class Clock:
    """The times that the view shows, and the size of the terminal."""

    elapsed: float
    eta: str
    """When the search ends."""
    whole: str = ""
    """When all searches of the command end, where there are several."""
    width: int = 80
    height: int = 24


@dataclass(frozen=True)
class LiveView:
    """Draws a search. The fields stay the same while it runs."""

    spec: SearchSpec
    capacity: Capacity
    paper: Mapping[str, Any]
    """Trial 0's configuration, with which the others are compared."""
    position: str = ""
    """Which of several regimes it is: `3 of 8`."""

    def of_trials(
        self, trials: Sequence[FrozenTrial], clock: Clock, trials_per_hour: float | None
    ) -> Group:
        """Draw the search while trials run."""
        states: dict[TrialState, list[FrozenTrial]] = {state: [] for state in TrialState}
        for trial in trials:
            states[trial.state].append(trial)
        running = states[TrialState.RUNNING]
        waiting = sum(trial.number in self.capacity.waiting for trial in running)
        numbers = {state: len(trials) for state, trials in states.items()}
        numbers[TrialState.RUNNING] -= waiting
        counts = ", ".join(f"{numbers[state]} {name}" for state, name in STATES.items())
        counts += f", {waiting} waiting for room" if waiting else ""
        ended, total = len(trials) - len(running), self.spec.trials
        rate = f"{trials_per_hour:,.0f} trials per hour, " if trials_per_hour is not None else ""
        lines: list[RenderableType] = [
            *self._header(clock, ended, total, f"{ended}/{counted(total, 'trial')}"),
            _one_line(counts),
            _one_line(
                f"{rate}{self.capacity.slots} at a time, {per_trial(self.capacity.resources)}"
            ),
            self.best(states[TrialState.COMPLETE]),
        ]
        room = max(1, clock.height - HEADER_LINES - 1)
        if len(running) > room:
            lines.append(_one_line(f"the first {room} of {len(running)} running trials:", "dim"))
        if running:
            lines.append(self._running(running[:room], clock, room // len(running)))
        return Group(*lines)

    def of_full_runs(
        self, runs: FullRuns, trials: Sequence[FrozenTrial], clock: Clock, now: float
    ) -> Group:
        """Draw the search while choice or report runs are running."""
        ended, total = len(runs.ended), len(runs.round.runs)
        lines: list[RenderableType] = [
            *self._header(clock, ended, total, f"{ended}/{counted(total, 'run')}"),
            _one_line(runs.purpose(report_counts(self.spec.report_seeds))),
            self.best([trial for trial in trials if trial.state == TrialState.COMPLETE]),
        ]
        if runs.pending:
            lines.append(self._full_runs(runs, clock, now))
        return Group(*lines)

    def _full_runs(self, runs: FullRuns, clock: Clock, now: float) -> Table:
        """A row for each choice or report run that has not ended, as far as there is room."""
        table = Table(box=None, pad_edge=False, header_style="dim", expand=True)
        columns = {"trial": 5, "seed": 5, "epoch": 6, WORDS[self.spec.metric]: 8}
        curves = clock.width >= SPARKLINE_FROM
        if curves:
            columns[""] = SPARKLINE_EPOCHS
        for column, width in (columns | {"runs for": 8, "of about": 8}).items():
            table.add_column(column, min_width=width, no_wrap=True)
        table.add_column("", ratio=1)
        room = max(1, clock.height - HEADER_LINES - 1)
        for run, began in list(runs.pending.items())[:room]:
            whole, ran = runs.seconds.get(run.trial, 0.0), 0.0 if began is None else now - began
            epochs = runs.epochs.get(run, ())
            scores = [epoch[validation_field(self.spec.metric)] for epoch in epochs]
            table.add_row(
                str(run.trial),
                str(run.seed),
                self._progress(epochs, run.config),
                percent(scores[-1]) if scores else "",
                *([sparkline(scores[-SPARKLINE_EPOCHS:])] if curves else []),
                "waits" if began is None else duration(ran),
                duration(whole),
                "" if began is None else _bar(whole or 1.0, min(ran, whole)),
            )
        return table

    def best(self, complete: Sequence[FrozenTrial]) -> Text:
        """The best complete trial: its score, number, age and configuration."""
        best = max(complete, key=lambda trial: trial.value or 0.0, default=None)
        if best is None:
            return _one_line("best so far: none yet")
        age = ""
        if best.datetime_complete:
            age = ago((datetime.now() - best.datetime_complete).total_seconds())
        same = "same as trial 0" if best.number else "the defaults"
        config = config_difference(records.CONFIG.read(best), self.paper) or same
        score = percent_of(best.value or 0.0, self.spec.metric)
        return _one_line(f"best so far: {score}", "bold green").append(
            f"  trial {best.number}, {age}  {config}", style="not bold default"
        )

    def _header(self, clock: Clock, ended: int, total: int, progress: str) -> list[RenderableType]:
        """The search and its times, and a bar; of several searches, which of them this is."""
        lines: list[RenderableType] = [
            _two_sides(
                _one_line(self.spec.regime, "bold").append(f"  {self.spec.name}", "not bold"),
                f"after {duration(clock.elapsed)}, {clock.eta}",
            ),
            _two_sides(_bar(max(1, total), ended), progress),
        ]
        if self.position:
            lines.insert(1, _two_sides(_one_line(f"regime {self.position}"), clock.whole))
        return lines

    def _running(self, running: Sequence[FrozenTrial], clock: Clock, lines: int) -> Table:
        """A row for each running trial, in at most so many lines."""
        table = Table(box=None, pad_edge=False, header_style="dim", expand=True)
        columns = {"trial": 5, "epoch": 6, WORDS[self.spec.metric]: 8}
        curves = clock.width >= SPARKLINE_FROM
        if curves:
            columns[""] = SPARKLINE_EPOCHS
        for column, width in columns.items():
            table.add_column(column, min_width=width, no_wrap=True)
        alone = len(running) == 1
        heading = "differs from trial 0" if alone else "how these trials differ"
        table.add_column(heading, ratio=1, no_wrap=True, overflow="ellipsis")
        width = max(MIN_TEXT, clock.width - sum(columns.values()) - COLUMN_GAP * len(columns))
        configs = [records.CONFIG.read(trial) for trial in running]
        texts = config_differences(configs, [trial.params for trial in running], self.paper)
        for trial, config, text in zip(running, configs, texts):
            epochs = records.epochs(trial)
            scores = [epoch[validation_field(self.spec.metric)] for epoch in epochs]
            if trial.number in self.capacity.waiting:
                text = f"waiting for room; {text}"
            elif repeats(trial, epochs):
                text = f"interrupted, repeats {counted(len(epochs), 'epoch')}; {text}"
            row = [
                str(trial.number),
                self._progress(epochs, config),
                percent(scores[-1]) if scores else "",
            ]
            if curves:
                row.append(sparkline(scores[-SPARKLINE_EPOCHS:]))
            wrapped = textwrap.wrap(
                text, width, max_lines=max(1, lines), placeholder=" …", break_on_hyphens=False
            )
            table.add_row(*row, "\n".join(wrapped))
        return table

    def _progress(self, epochs: Sequence[records.Record], config: Mapping[str, Any]) -> str:
        """The number of a run's last epoch, and of the last one that it may have."""
        done = epochs[-1]["epoch"] if epochs else 0
        return f"{done}/{self.spec.epochs + classifier_epochs(config)}"


def classifier_epochs(config: Mapping[str, Any]) -> int:
    """Epochs of a separate classifier stage, which follows the budget; 0 without one.

    A classifier with a closed-form solution takes one.
    """
    return 1 if config.get("classifier") == "ridge" else int(config.get("head_epochs", 0))


def _bar(total: float, done: float) -> ProgressBar:
    return ProgressBar(total, done, complete_style="green", finished_style="green", style="dim")


def _one_line(text: str, style: str = "") -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def _two_sides(left: RenderableType, right: str) -> Table:
    """A line with a text at either end. If it is too long, the left one is cut first."""
    table = Table.grid(expand=True, padding=(0, 1), pad_edge=False)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column(justify="right", no_wrap=True, overflow="ellipsis")
    table.add_row(left, right)
    return table
