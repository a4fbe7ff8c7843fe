"""Something that looks at the study again and again, in a thread of its own, while a search
runs."""

import contextlib
import threading
from collections.abc import Callable, Iterator

MOMENT = 2.0
"""Seconds that the end waits for a look that is not over: what it looks at may be a server that
hangs."""


@contextlib.contextmanager
def following(look: Callable[[], None], every: float) -> Iterator[None]:
    """Call `look` every so many seconds.

    What it raises is not the search's concern: the next look may succeed.

    The caller looks once more itself, when all is over, where it has to know that a look succeeded.
    """
    over = threading.Event()

    def loop() -> None:
        while not over.wait(every):
            with contextlib.suppress(Exception):
                look()

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(MOMENT)
