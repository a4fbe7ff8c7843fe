"""The choice and report runs as the terminal shows them: since when each runs, and its epochs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from analysis.text import counted
from search.planning.time_left import RunsLeft
from search.study.records import Record
from search.terminal.text import how_many
from search.trials.choice_and_report import Round, Run


@dataclass
class FullRuns:
    """The runs of a round."""

    round: Round
    seconds: Mapping[int, float]
    """How long a run of each trial is expected to take."""
    began: dict[Run, float] = field(default_factory=dict)
    """When those that have a worker began, in seconds since 1970."""
    epochs: dict[Run, list[Record]] = field(default_factory=dict)
    """Their epochs so far."""
    ended: list[Run] = field(default_factory=list)

    @property
    def pending(self) -> dict[Run, float | None]:
        """Those that have not ended, with when they began; None for those that wait."""
        return {run: self.began.get(run) for run in self.round.runs if run not in self.ended}

    @property
    def state(self) -> tuple[object, ...]:
        """What changes when a run begins, ends an epoch, or ends."""
        epochs = sum(map(len, self.epochs.values()))
        return self.round, len(self.began), epochs, len(self.ended)

    def start(self, run: Run, now: float) -> None:
        """A run has a worker."""
        self.began[run], self.epochs[run] = now, []

    def wait(self, run: Run) -> None:
        """A run has lost its worker."""
        self.began.pop(run, None)
        self.epochs.pop(run, None)

    def forecast(self, now: float) -> RunsLeft:
        """What the forecast of the time left needs to know of them."""
        running = [0.0 if began is None else now - began for began in self.pending.values()]
        choosing, trial = self.round.choosing, self.round.runs[0].trial
        return RunsLeft(running, choosing, self.round.runs_left, None if choosing else trial)

    def purpose(self, report_counts: Sequence[int]) -> str:
        """What they are for and what follows, in words; `report_counts`: how many report runs."""
        left = self.round.runs_left
        more = f", up to {counted(left, 'run')} more" if left else ""
        if not self.round.choosing:
            return f"training and testing the winner for the report{more}; then the report"
        runs = "run" if report_counts[-1] == 1 else "runs"
        return f"choosing the winner{more}, then {how_many(report_counts)} {runs} for the report"
