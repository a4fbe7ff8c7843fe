"""Stopping a search by ^C or SIGTERM: the first one ends it in good order, a second one at once."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

from analysis.command import INTERRUPTED
from search.cluster.watchdog import exit_now

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Treated alike: ^C, and what a machine sends before it shuts down."""
RESEND_SECONDS = 0.05


class Stop:
    """The handler of both signals.

    While trials run, the first signal only sets `asked`, and the trials end their epoch. Elsewhere
    it raises KeyboardInterrupt, which also ends a long library call at once.
    """

    def __init__(self) -> None:
        self.asked = False
        self.patient = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        if not self.patient and _in_destructor(frame):
            # Python prints and drops what a `__del__` raises, so KeyboardInterrupt would be lost
            # there: send the signal again when the destructor is done.
            threading.Timer(RESEND_SECONDS, os.kill, (os.getpid(), number)).start()
            return
        if self.asked:
            exit_now(INTERRUPTED)
        self.asked = True
        if not self.patient:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def waits(self) -> Iterator[None]:
        """In the block, the first signal only sets `asked`."""
        self.patient = True
        try:
            yield
        finally:
            self.patient = False

    @contextlib.contextmanager
    def handles(self) -> Iterator[None]:
        """In the block, this is the handler; afterwards the previous handlers are restored."""
        before: dict[int, Any] = {number: signal.signal(number, self) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _in_destructor(frame: FrameType | None) -> bool:
    """Whether the signal arrived while Python ran a `__del__` method."""
    while frame is not None:
        if frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False
