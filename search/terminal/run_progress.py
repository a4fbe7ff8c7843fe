"""A line a minute that names the runs in training, because a run prints nothing before it ends."""

import heapq
import time
from collections.abc import Callable, Sequence
from statistics import fmean

from rich.console import Console

from analysis.text import duration
from search.terminal.progress import HEARTBEAT_PART, HEARTBEAT_SECONDS


class RunProgress:
    """Runs by their names, of which the first `slots` that have not ended count as running."""

    def __init__(
        self,
        console: Console,
        names: Sequence[str],
        slots: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.console, self.slots, self.clock = console, slots, clock
        self.waiting = list(names)
        self.running: dict[str, float] = {}
        self.took: list[float] = []
        self.first = self.last_line = clock()
        self._start()

    def end(self, name: str, *, failed: bool = False) -> None:
        """A run has ended. One that failed says nothing about how long the others take."""
        if name in self.waiting:
            self.waiting.remove(name)
        else:
            seconds = self.clock() - self.running.pop(name)
            self.took += [] if failed else [seconds]
        self._start()
        self.last_line = self.clock()

    def poll(self) -> None:
        """Print a line if nothing was printed for a minute, or for a twentieth of the time."""
        now = self.clock()
        pause = max(HEARTBEAT_SECONDS, HEARTBEAT_PART * (now - self.first))
        if now - self.last_line < pause or not self.running:
            return
        self.last_line = now
        parts = [f"{name} for {duration(now - at)}" for name, at in self.running.items()]
        parts += [f"{len(self.waiting)} to come"] if self.waiting else []
        left = self._seconds_left(now)
        rest = "" if left is None else f" (about {duration(left)} left)"
        self.console.print(f"running: {', '.join(parts)}{rest}", style="dim")

    def _start(self) -> None:
        while self.waiting and len(self.running) < self.slots:
            self.running[self.waiting.pop(0)] = self.clock()

    def _seconds_left(self, now: float) -> float | None:
        """Seconds, as if every run took as long as those that have ended; None where none has, or
        where the last ones take longer."""
        if not self.took:
            return None
        whole = fmean(self.took)
        free = [max(0.0, whole - (now - at)) for at in self.running.values()]
        heapq.heapify(free)
        for _ in self.waiting:
            heapq.heapreplace(free, free[0] + whole)
        return max(free) or None
