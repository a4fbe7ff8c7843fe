"""One process on a search at a time."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from search.lock import locked

LOCK = ".lock"


@contextlib.contextmanager
def search_lock(folder: Path) -> Iterator[None]:
    """Hold the lock of the search in `folder`.

    Raises ValueError while another process has it; one that was killed has it no longer.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(folder / LOCK, wait=False))
        except BlockingIOError:
            raise ValueError(f"the search '{folder.name}' is running in another process") from None
        yield


def require_not_running(folder: Path) -> None:
    """Raise ValueError while a process has the lock of the search in `folder`; write nothing."""
    if (folder / LOCK).exists():
        with search_lock(folder):
            pass
