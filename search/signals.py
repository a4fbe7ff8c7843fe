"""Stopping a search by ^C or SIGTERM. First signal: graceful shutdown. Second: immediate exit."""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

from analysis.command import INTERRUPTED
from search.cluster.watchdog import exit_now

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Treated alike: ^C, and what a machine sends before it shuts down."""

TRIALS_FRACTION = 0.4
"""The part of `--stop-within` that running trials may use to end their epoch. The rest is for
workers to end, and for tables and the report."""


class Stop:
    """The handler of both signals.

    It raises nothing. An exception that is raised wherever the main thread happens to be may be
    dropped, as in a destructor, or may leave a lock of some library held for ever.
    """

    def __init__(self) -> None:
        self.asked = False
        """Whether the user wants to stop. The search looks at it, or calls `check`."""
        self.asked_at = 0.0
        """When, by `time.monotonic`."""
        self.within: float | None = None
        self.last_words = ""
        self.searching = False
        """Whether a search runs, which shuts down gracefully. Before that, nothing is lost."""

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        if self.asked or not self.searching:
            exit_now(INTERRUPTED)
        self.asked_at = time.monotonic()
        self.asked = True
        if self.within is not None:
            timer = threading.Timer(self.within, exit_now, (INTERRUPTED, self.last_words))
            timer.daemon = True
            timer.start()

    @property
    def trials_end(self) -> float | None:
        """When trials that still run are given up, by `time.monotonic`; None: never."""
        if self.within is None or not self.asked:
            return None
        return self.asked_at + TRIALS_FRACTION * self.within

    def limit(self, within: float | None, last_words: str) -> None:
        """Let the process end at most `within` seconds after a signal, with these last words."""
        self.within, self.last_words = within, last_words

    def check(self) -> None:
        """Raise KeyboardInterrupt if the user wants to stop."""
        if self.asked:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def delayed(self) -> Iterator[None]:
        """In the block, the first signal only sets `asked`."""
        self.searching = True
        try:
            yield
        finally:
            self.searching = False

    @contextlib.contextmanager
    def handles(self) -> Iterator[None]:
        """In the block, this is the handler; afterwards the previous handlers are restored."""
        before: dict[int, Any] = {number: signal.signal(number, self) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
