"""One process on a search at a time."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the lock of the search in `folder`.

    Raises ValueError while another process has it; one that was killed has it no longer.
    """
    with (folder / ".lock").open("a") as lock:  # whatever is there by this name keeps its content
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"the search '{folder.name}' is running in another process") from None
        yield
