"""Call a function periodically in a thread."""

import contextlib
import threading
from collections.abc import Callable, Iterator

JOIN_SECONDS = 2.0
"""How long the end waits for a call that is still running: its server may hang."""


@contextlib.contextmanager
def polling(function: Callable[[], None], every: float) -> Iterator[None]:
    """Call `function` every `every` seconds while the block runs.

    Exceptions are ignored: the next call may succeed. A caller that needs a successful last call
    makes it itself, after the block.
    """
    stopped = threading.Event()

    def loop() -> None:
        while not stopped.wait(every):
            with contextlib.suppress(Exception):
                function()

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join(JOIN_SECONDS)
