"""Which seeds of a recipe are in training, as a line a minute: they print nothing before they
end."""

import math
import time
from collections.abc import Callable, Sequence
from statistics import fmean

from rich.console import Console

from analysis.text import duration
from search.terminal.progress import HEARTBEAT_PART, HEARTBEAT_SECONDS


class SeedProgress:
    """The seeds that train, of which the first `slots` that have not ended are running."""

    def __init__(
        self,
        console: Console,
        seeds: Sequence[int],
        slots: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.console, self.slots, self.clock = console, slots, clock
        self.waiting = list(seeds)
        self.running: dict[int, float] = {}
        self.took: list[float] = []
        self.first = self.last_line = clock()
        self._start()

    def end(self, seed: int) -> None:
        """A seed has ended."""
        if seed in self.waiting:
            self.waiting.remove(seed)
        else:
            self.took.append(self.clock() - self.running.pop(seed))
        self._start()
        self.last_line = self.clock()

    def poll(self) -> None:
        """Print a line if nothing was printed for a minute, or for a twentieth of the time."""
        now = self.clock()
        pause = max(HEARTBEAT_SECONDS, HEARTBEAT_PART * (now - self.first))
        if now - self.last_line < pause or not self.running:
            return
        self.last_line = now
        parts = [f"seed {seed} for {duration(now - at)}" for seed, at in self.running.items()]
        parts += [f"{len(self.waiting)} to come"] if self.waiting else []
        left = "" if not self.took else f" (about {duration(self._left(now))} left)"
        self.console.print(f"running: {', '.join(parts)}{left}", style="dim")

    def _start(self) -> None:
        while self.waiting and len(self.running) < self.slots:
            self.running[self.waiting.pop(0)] = self.clock()

    def _left(self, now: float) -> float:
        """As if every seed took as long as those that have ended."""
        whole = fmean(self.took)
        running = max(max(0.0, whole - (now - at)) for at in self.running.values())
        return running + whole * math.ceil(len(self.waiting) / self.slots)
