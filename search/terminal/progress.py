"""What the terminal shows while a search runs: a live table, or plain lines where nobody
watches."""

import time
from datetime import datetime
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from analysis.text import duration
from search.cluster.resources import Resources
from search.spec import SearchSpec
from search.study import records
from search.study import study as studies

SPARKS = "▁▂▃▄▅▆▇█"
SPARKLINE = 12
"""Epochs that a trial's curve shows, the last ones."""
STATES = {
    TrialState.RUNNING: "running",
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}
CLOCK = 0.9
"""Seconds after which a view is drawn again in which only the times have changed: a second, less
what a look may come early."""
HEAD = 7
"""Lines of the live view that are not a trial's."""


def sparkline(values: list[float]) -> str:
    """Accuracies from 0 to 1 as a row of blocks."""
    return "".join(SPARKS[min(7, int(8 * value))] for value in values)


def ago(seconds: float) -> str:
    """How long something is past, no finer than one wants to see it change:

    `just now`, `4m ago`, `2h05m ago`.
    """
    return (
        f"{duration(60 * (seconds // 60)).removesuffix('00s')} ago" if seconds >= 60 else "just now"
    )


def classifier_epochs(config: dict[str, Any]) -> int:
    """Epochs of a classifier stage of its own, which comes after the budget: one where the
    classifier is solved for, 0 without a stage."""
    return 1 if config.get("classifier") == "ridge" else int(config.get("head_epochs", 0))


def differing(config: dict[str, Any], first: dict[str, Any]) -> str:
    """The fields of a configuration that are not trial 0's, as `--fix` takes them but for their
    digits."""
    return " ".join(
        f"{name}={value:.2g}" if isinstance(value, float) else f"{name}={written(value)}"
        for name, value in config.items()
        if value != first.get(name)
    )


def written(value: Any) -> str:
    """A hyperparameter's value as `--fix` takes it."""
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def share(resources: Resources) -> str:
    """What a trial takes of the machine."""
    gpu = f" and {resources.gpus:.2g} GPU" if resources.gpus else ""
    return f"{resources.cpus:g} CPU{gpu} each"


class Progress:
    """A context in which `look` draws the study's state in a terminal, and elsewhere tells how each
    trial ended; `quiet` leaves of either why trials failed. Rates count what this process has seen
    end, not what an earlier one left."""

    def __init__(
        self,
        console: Console,
        study: optuna.Study,
        spec: SearchSpec,
        paper: dict[str, Any],
        resources: Resources,
        quiet: bool = False,
    ) -> None:
        self.console, self.study, self.spec, self.paper, self.resources = (
            console,
            study,
            spec,
            paper,
            resources,
        )
        self.began = time.monotonic()
        self.told: set[int] = {
            trial.number for trial in studies.trials(study) if trial.state.is_finished()
        }
        self.before = len(self.told)
        self.drawn: list[tuple[int, int]] | None = None
        self.due = 0.0
        # Drawn by `look` alone: a thread of its own would draw four times a second what has not
        # changed.
        self.live = (
            Live(console=console, auto_refresh=False, transient=True)
            if console.is_terminal and not quiet
            else None
        )
        self.failures_only = console.is_terminal or quiet
        self.reasons: set[str] = set()

    def __enter__(self) -> "Progress":
        if self.live:
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.live:
            self.live.stop()

    def look(self) -> None:
        """Draw the study as it is now, and print a line for each trial that has ended since the
        last look, as far as such are wanted."""
        trials = studies.trials(self.study)
        new = [
            trial for trial in trials if trial.state.is_finished() and trial.number not in self.told
        ]
        self.told.update(trial.number for trial in new)
        told = [trial for trial in new if not self.failures_only or self._is_news(trial)]
        standing = self._standing(trials) if told else (0, "")
        for trial in sorted(
            told, key=lambda trial: trial.datetime_complete or trial.datetime_start or 0
        ):
            self.console.print(
                self._line(trial, *standing), markup=False, highlight=False, soft_wrap=True
            )
        if self.live:
            self._draw(self.live, trials)

    def _is_news(self, trial: FrozenTrial) -> bool:
        """Whether a trial failed for a reason that none before it had."""
        reason = records.FAILURE.read(trial) or ""
        if trial.state != TrialState.FAIL or reason in self.reasons:
            return False
        self.reasons.add(reason)
        return True

    def _draw(self, live: Live, trials: list[FrozenTrial]) -> None:
        """Draw what has changed at once, and the clock once a second."""
        news = [
            (trial.number, len(trial.user_attrs))
            for trial in trials
            if not trial.state.is_finished()
        ]
        if news != self.drawn or self._elapsed >= self.due:
            self.drawn, self.due = news, self._elapsed + CLOCK
            live.update(self._view(trials), refresh=True)

    def rate(self, ended: int) -> float:
        """Trials a second that end in this process; `ended` counts all of the study's."""
        return (ended - self.before) / max(1e-9, self._elapsed)

    def eta(self, ended: int) -> str:
        """Time to the end of the last trial at the rate so far, in words; with a time budget, no
        more than is left of it."""
        if ended >= self.spec.trials:
            return "no trials left"
        rate, budget = self.rate(ended), self.spec.time_budget
        ends = [(self.spec.trials - ended) / rate] if rate > 0 else []
        ends += [budget - self._elapsed] if budget is not None else []
        return f"{duration(max(0.0, min(ends)))} of trials left" if ends else "time left unknown"

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self.began

    def _standing(self, trials: list[FrozenTrial]) -> tuple[int, str]:
        """How many trials have ended, and what every line says of the whole: once a look, for a
        search of thousands."""
        best = max(
            (trial.value or 0.0 for trial in trials if trial.state == TrialState.COMPLETE),
            default=None,
        )
        ended = sum(trial.state.is_finished() for trial in trials)
        return ended, (f"best {best:.4f}, " if best is not None else "") + self.eta(ended)

    def _line(self, trial: FrozenTrial, ended: int, whole: str) -> str:
        epochs = records.epochs(trial)
        how = {
            TrialState.COMPLETE: f"{trial.value or 0:.4f}",
            TrialState.PRUNED: f"pruned after {len(epochs)} of {self.spec.epochs} epochs",
            TrialState.FAIL: f"failed: {(records.FAILURE.read(trial) or 'no reason known')}",
        }[trial.state]
        return f"[{ended}/{self.spec.trials}] trial {trial.number}: {how} ({whole})"

    def _view(self, trials: list[FrozenTrial]) -> Group:
        states: dict[TrialState, list[FrozenTrial]] = {state: [] for state in TrialState}
        for trial in trials:
            states[trial.state].append(trial)
        running = states[TrialState.RUNNING]
        counts = ", ".join(f"{len(states[state])} {name}" for state, name in STATES.items())
        ended = len(trials) - len(running)
        speed = f"{3600 * self.rate(ended):,.0f} trials an hour, " if ended > self.before else ""
        room = max(1, self.console.height - HEAD - 1)
        hidden = (
            [_one_line(f"the first {room} of {len(running)} that run:", "dim")]
            if len(running) > room
            else []
        )
        return Group(
            _sides(
                _one_line(self.spec.regime, "bold").append(f"  {self.spec.name}", style="not bold"),
                f"after {duration(self._elapsed)}, {self.eta(ended)}",
            ),
            _sides(
                ProgressBar(
                    max(1, self.spec.trials),
                    ended,
                    complete_style="green",
                    finished_style="green",
                    style="dim",
                ),
                f"{ended}/{self.spec.trials} trials",
            ),
            _one_line(counts),
            _one_line(f"{speed}{self.resources.slots} at a time, {share(self.resources)}"),
            self._best(states[TrialState.COMPLETE]),
            *hidden,
            *([self._running(running[:room])] if running else []),
        )

    def _best(self, complete: list[FrozenTrial]) -> Text:
        best = max(complete, key=lambda trial: trial.value or 0.0, default=None)
        if best is None:
            return _one_line("best so far: none yet")
        since = (
            ago((datetime.now() - best.datetime_complete).total_seconds())
            if best.datetime_complete
            else ""
        )
        rest = (
            f"  trial {best.number}, {since} "
            f" {differing(records.CONFIG.read(best), self.paper) or 'as trial 0'}"
        )
        return _one_line(f"best so far: {best.value:.4f}", "bold green").append(
            rest, style="not bold default"
        )

    def _running(self, running: list[FrozenTrial]) -> Table:
        table = Table(box=None, pad_edge=False, header_style="dim", expand=True)
        for column, width in (("trial", 5), ("epoch", 6), ("accuracy", 8), ("", SPARKLINE)):
            table.add_column(column, min_width=width, no_wrap=True)
        table.add_column("differs from trial 0", ratio=1, no_wrap=True, overflow="ellipsis")
        for trial in running:
            config, accuracies = (
                records.CONFIG.read(trial),
                [epoch["validation_accuracy"] for epoch in records.epochs(trial)],
            )
            table.add_row(
                str(trial.number),
                f"{len(accuracies)}/{self.spec.epochs + classifier_epochs(config)}",
                f"{accuracies[-1]:.4f}" if accuracies else "",
                sparkline(accuracies[-SPARKLINE:]),
                differing(config, self.paper),
            )
        return table


def _one_line(text: str, style: str = "") -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def _sides(left: RenderableType, right: str) -> Table:
    """A line with something at either end; the right end is whole as long as there is room for
    it."""
    table = Table.grid(expand=True, padding=(0, 1), pad_edge=False)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column(justify="right", no_wrap=True, overflow="ellipsis")
    table.add_row(left, right)
    return table
