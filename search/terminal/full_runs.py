"""The choice and report runs that are shown: which run, since when, and what follows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from analysis.text import counted
from search.planning.time_left import RunsLeft


@dataclass
class FullRuns:
    """Runs that were submitted together. As many as there are slots run, in their order."""

    choosing: bool
    left: int
    """Further choice runs that may follow, at most."""
    slots: int
    seconds: Mapping[int, float]
    """How long a run of each trial is expected to take."""
    began: dict[tuple[int, int], float | None]
    """By trial and seed: when each began, in seconds since 1970; None for those that wait."""
    ended: list[tuple[int, int]] = field(default_factory=list)

    @classmethod
    def submitted(
        cls,
        runs: Sequence[tuple[int, int]],
        seconds: Mapping[int, float],
        slots: int,
        now: float,
        *,
        choosing: bool,
        left: int,
    ) -> "FullRuns":
        """Runs that begin now, as far as there are slots."""
        began = {run: now if place < slots else None for place, run in enumerate(runs)}
        return cls(choosing, left, slots, seconds, began)

    @property
    def pending(self) -> dict[tuple[int, int], float | None]:
        """Those that have not ended, with when they began."""
        return {run: began for run, began in self.began.items() if run not in self.ended}

    def end(self, trial: int, seed: int, now: float) -> None:
        """A run has ended, and the next one takes its slot."""
        self.ended.append((trial, seed))
        for run in list(self.pending)[: self.slots]:
            if self.began[run] is None:
                self.began[run] = now

    def forecast(self, now: float) -> RunsLeft:
        """What the forecast of the time left needs to know of them."""
        running = [0.0 if began is None else now - began for began in self.pending.values()]
        trials = [trial for trial, _ in self.began]
        return RunsLeft(running, self.choosing, self.left, None if self.choosing else trials[0])

    def purpose(self, report_seeds: int) -> str:
        """What they are for and what follows, in words."""
        if not self.choosing:
            return "training the winner for the report, then the test split and the report"
        more = f", up to {counted(self.left, 'run')} more" if self.left else ""
        return f"choosing the winner{more}, then {counted(report_seeds, 'run')} for the report"
