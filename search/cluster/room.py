"""How many trials may be open at once, as the cluster grows and shrinks, and which of them wait."""

import time
from collections.abc import Iterable

from search.cluster.resources import Resources, connected, slots

REFRESH_SECONDS = 10.0
"""Between two looks at the cluster."""
WAITING_SECONDS = 3.0
"""A trial that has had no worker for so long waits for room. A new worker takes about as long."""


class Room:
    """The open trials of a search on its cluster."""

    def __init__(self, resources: Resources) -> None:
        self.resources = resources
        self.slots = resources.slots
        """How many trials may be open."""
        self.waiting: frozenset[int] = frozenset()
        """The numbers of the open trials that have had no worker for some seconds."""
        self._since: dict[int, float] = {}
        self._read = time.monotonic()

    def refresh(self) -> None:
        """Look at the cluster, if the last look was long ago."""
        if not self.resources.follows or time.monotonic() < self._read + REFRESH_SECONDS:
            return
        self._read = time.monotonic()
        self.slots = slots(connected(), self.resources.cpus, self.resources.gpus)

    def without_worker(self, numbers: Iterable[int]) -> None:
        """Say which open trials have no worker at the moment."""
        now = time.monotonic()
        self._since = {number: self._since.get(number, now) for number in numbers}
        self.waiting = frozenset(
            number for number, since in self._since.items() if now - since > WAITING_SECONDS
        )
