"""Exclusive locks on files, released by the system when their process ends.

The `filelock` package would truncate the lock file, and some of ours have content.
"""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, TextIO


def lock(file: IO[Any], *, wait: bool) -> None:
    """Lock an open file until it is closed.

    Where another process holds the lock: wait for it, or else raise BlockingIOError.
    """
    fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextlib.contextmanager
def unlocked(path: Path) -> Iterator[TextIO]:
    """In the block nobody holds the lock of `path`, which exists; several processes may check so.

    Raises BlockingIOError where another process holds it. Needs no permission to write.
    """
    with path.open(encoding="utf-8", errors="replace") as file:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        yield file


@contextlib.contextmanager
def locked(path: Path, *, wait: bool) -> Iterator[TextIO]:
    """Hold the lock of `path` in the block; yields the file, open for reading and appending.

    The file is created where it is missing, and keeps its content. Raises as `lock` does.
    """
    with path.open("a+", encoding="utf-8", errors="replace") as file:
        lock(file, wait=wait)
        yield file
