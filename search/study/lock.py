"""One process on a search at a time."""

import contextlib
import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from search.lock import locked, unlocked

LOCK = ".lock"
"""The file that is locked. It names the process that searched last."""
OWNER = re.compile(r"\d+ on \S{1,255}")
"""How the file names a process: its id and its machine."""
WAIT_SECONDS = 1.0
"""How long to wait for processes that only check whether the search runs."""


@contextlib.contextmanager
def search_lock(folder: Path, instead: str = "") -> Iterator[None]:
    """Hold the lock of the search in `folder`.

    Raises ValueError while another process has it; one that was killed has it no longer. `instead`:
    what the user may do then.
    """
    with _waited(folder, lambda path: locked(path, wait=False), instead) as file:
        content = _read(folder / LOCK)
        if not content or OWNER.fullmatch(content):  # else it is a user's file
            file.truncate(0)
            file.write(f"{os.getpid()} on {socket.gethostname()}")
            file.flush()
        yield


def require_not_running(folder: Path) -> None:
    """Raise ValueError while a process has the lock of the search in `folder`; write nothing."""
    if (folder / LOCK).exists():
        with _waited(folder, unlocked):
            pass


@contextlib.contextmanager
def _waited(
    folder: Path,
    take: Callable[[Path], contextlib.AbstractContextManager[TextIO]],
    instead: str = "",
) -> Iterator[TextIO]:
    path, deadline = folder / LOCK, time.monotonic() + WAIT_SECONDS
    with contextlib.ExitStack() as stack:
        while True:
            try:
                file = stack.enter_context(take(path))
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise ValueError(_is_running(path) + instead) from None
                time.sleep(0.05)
        yield file


def _is_running(path: Path) -> str:
    owner = _read(path)
    named = f" ({owner})" if OWNER.fullmatch(owner) else ""
    return f"the search '{path.parent.name}' is running in another process{named}"


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
