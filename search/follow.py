"""Something that looks at the study again and again, in a thread of its own, while a search runs."""

import contextlib
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def following(look: Callable[[], None], every: float) -> Iterator[None]:
    """Call `look` every so many seconds, and once more at the end. What it raises goes to the caller at the end, not to the search."""
    over = threading.Event()
    trouble: list[Exception] = []

    def loop() -> None:
        while not over.wait(every):
            try:
                look()
                trouble.clear()
            except Exception as error:  # the next look may succeed: a tracker may be down for a while
                trouble[:] = [error]

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    look()
