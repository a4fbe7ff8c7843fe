"""How a user stops a search: once, and it ends in good order; twice, and it is gone."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

from search.cluster.watchdog import exit_now
from search.command import INTERRUPTED


class Stop:
    """Takes SIGINT (^C) and SIGTERM, which a machine sends before it goes down, alike."""

    def __init__(self) -> None:
        self.asked = False
        self.patient = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """The signal's handler.

        While trials run they end their epoch first; elsewhere it raises KeyboardInterrupt.
        """
        if not self.patient and _in_destructor(
            frame
        ):  # Python would print what is raised there, and go on
            threading.Timer(0.05, os.kill, (os.getpid(), number)).start()
            return
        if self.asked:
            exit_now(INTERRUPTED)
        self.asked = True
        if not self.patient:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def waits(self) -> Iterator[None]:
        """Inside, the first signal is only noted in `asked`."""
        self.patient = True
        try:
            yield
        finally:
            self.patient = False

    @contextlib.contextmanager
    def handles(self) -> Iterator[None]:
        """Inside, signals come here; afterwards to whom they came before."""
        before: dict[int, Any] = {
            number: signal.signal(number, self) for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _in_destructor(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False
