"""What the terminal shows while a search runs: a live table, or plain lines where nobody watches."""

import time
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from search import study as studies
from search.spec import SearchSpec

SPARKS = "▁▂▃▄▅▆▇█"


def duration(seconds: float) -> str:
    """Seconds as people read them: `48s`, `3m20s`, `2h05m`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    return f"{whole // 60}m{whole % 60:02d}s" if whole < 3600 else f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def sparkline(values: list[float]) -> str:
    """Accuracies from 0 to 1 as a row of blocks."""
    return "".join(SPARKS[min(7, int(8 * value))] for value in values)


def differing(config: dict[str, Any], paper: dict[str, Any]) -> str:
    """The fields of a configuration that are not the paper's, briefly."""
    return " ".join(
        f"{name}={value:.2g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in config.items()
        if value != paper.get(name)
    )


class Progress:
    """A context in which `look` draws the study's state."""

    def __init__(self, console: Console, study: optuna.Study, spec: SearchSpec, paper: dict[str, Any]) -> None:
        self.console, self.study, self.spec, self.paper = console, study, spec, paper
        self.began = time.monotonic()
        self.before = len([trial for trial in studies.trials(study) if trial.state.is_finished()])
        self.told: set[int] = {trial.number for trial in studies.trials(study) if trial.state.is_finished()}
        self.live = Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None

    def __enter__(self) -> "Progress":
        if self.live:
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.live:
            self.live.stop()

    def look(self) -> None:
        """Draw the study as it is now, or print a line for each trial that has ended since the last look."""
        trials = studies.trials(self.study)
        if self.live:
            self.live.update(self._view(trials))
            return
        new = [trial for trial in trials if trial.state.is_finished() and trial.number not in self.told]
        standing = self._standing(trials) if new else (0, "")
        for trial in sorted(new, key=lambda trial: trial.datetime_complete or trial.datetime_start or 0):
            self.told.add(trial.number)
            self.console.print(self._line(trial, *standing), markup=False, highlight=False, soft_wrap=True)

    def eta(self, trials: list[FrozenTrial]) -> str:
        """Time to the end at the rate so far."""
        ended = sum(trial.state.is_finished() for trial in trials)
        rate = (ended - self.before) / max(1e-9, time.monotonic() - self.began)
        if rate <= 0:
            return "?"
        left = (self.spec.trials - ended) / rate
        budget = self.spec.time_budget
        return duration(left if budget is None else max(0.0, min(left, budget - (time.monotonic() - self.began))))

    def _standing(self, trials: list[FrozenTrial]) -> tuple[int, str]:
        """How many trials have ended, and what every line says of the whole: once a look, for a search of thousands."""
        best = max((trial.value or 0.0 for trial in trials if trial.state == TrialState.COMPLETE), default=None)
        ended = sum(trial.state.is_finished() for trial in trials)
        return ended, (f"best {best:.4f}, " if best is not None else "") + f"{self.eta(trials)} left"

    def _line(self, trial: FrozenTrial, ended: int, whole: str) -> str:
        epochs = studies.epochs(trial)
        how = {
            TrialState.COMPLETE: f"{trial.value or 0:.4f}",
            TrialState.PRUNED: f"pruned after {len(epochs)} of {self.spec.epochs} epochs",
            TrialState.FAIL: f"failed: {trial.user_attrs.get(studies.REASON, 'no reason known')}",
        }[trial.state]
        return f"[{ended}/{self.spec.trials}] trial {trial.number}: {how} ({whole})"

    def _view(self, trials: list[FrozenTrial]) -> Group:
        states = {state: [trial for trial in trials if trial.state == state] for state in TrialState}
        ended = sum(trial.state.is_finished() for trial in trials)
        best = max(states[TrialState.COMPLETE], key=lambda trial: trial.value or 0.0, default=None)
        head = Text.assemble(
            (f"{self.spec.name}  ", "bold"),
            f"{ended}/{self.spec.trials} trials  ",
            f"{len(states[TrialState.RUNNING])} running  {len(states[TrialState.PRUNED])} pruned  {len(states[TrialState.FAIL])} failed  ",
            f"{duration(time.monotonic() - self.began)}, {self.eta(trials)} left",
        )
        found = Text("best so far: none yet")
        if best:
            found = Text(
                f"best so far: {best.value:.4f}  trial {best.number}  ",
                style="bold green",
                no_wrap=True,
                overflow="ellipsis",
            )
            found.append(differing(best.user_attrs[studies.CONFIG], self.paper), style="not bold default")
        table = Table(box=None, pad_edge=False, header_style="dim", expand=True)
        for column, width in (("trial", 5), ("epoch", 6), ("accuracy", 8), ("", 12)):
            table.add_column(column, width=width, no_wrap=True)
        table.add_column("differs from the paper", ratio=1, no_wrap=True, overflow="ellipsis")
        for trial in states[TrialState.RUNNING][:16]:
            epochs = studies.epochs(trial)
            accuracies = [epoch["validation_accuracy"] for epoch in epochs]
            table.add_row(
                str(trial.number),
                f"{len(epochs)}/{self.spec.epochs}",
                f"{accuracies[-1]:.4f}" if accuracies else "",
                sparkline(accuracies[-12:]),
                differing(trial.user_attrs[studies.CONFIG], self.paper),
            )
        width = min(60, self.console.width)
        done = round(width * min(1.0, ended / self.spec.trials))
        bar = Text("━" * done, style="green").append("━" * (width - done), style="dim")
        return Group(head, bar, found, table)
