"""Temporary folders for Ray's files, removed together with the processes that use them.

The owner removes its folder at the end; where the owner was killed, a later command does.

Nothing is removed or killed that is not provably ours. A folder is ours if its lock file, which
only its owner writes, says so (`_claim`). A process is ours if it belongs to our user, is not older
than the folder's owner, and has the folder in its environment or its log file there (`_uses`).
Without proof it stays, as do folders of earlier versions, which had no such lock file.
"""

import contextlib
import json
import os
import platform
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

import psutil

from search.lock import lock

PREFIX = "regimen-"
"""Of the folders' names."""
LOCK = ".lock"
"""The file in each folder that its owner keeps locked, and that names the owner."""
MARK = "REGIMEN_TEMPORARY"
"""The environment variable that names the folder to the processes that use it."""
NAME = re.compile(rf"{PREFIX}[a-z0-9_]{{8}}")
"""Names as `tempfile.mkdtemp` makes them."""
CLOCK_TOLERANCE_SECONDS = 2.0
"""Two readings of a process's start time may differ by this: the system clock gets adjusted."""
KILL_ROUNDS = 5
"""How often to look for processes to kill: one of them may just have started another."""
KILL_TIMEOUT_SECONDS = 3.0


@dataclass(frozen=True)
class Owner:
    """The process that made a folder, as recorded in the folder's lock file."""

    folder: str
    host: str
    pid: int
    started: float
    """Seconds since 1970."""

    @property
    def alive(self) -> bool:
        """Whether it runs, or may run. The start time shows whether the pid was reused."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < CLOCK_TOLERANCE_SECONDS
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False
        except psutil.Error:
            return True


_owned: dict[Path, Owner] = {}
"""The folders of this process."""


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that is removed at the end of the block, with the processes that use it.

    First removes what killed processes of ours left behind.
    """
    for leftover in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError, ValueError, TypeError), _claim(leftover) as owner:
            _remove([owner])
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    owner = Owner(str(folder), platform.node(), os.getpid(), psutil.Process().create_time())
    _owned[folder] = owner
    try:
        with (folder / LOCK).open("x") as file:
            lock(file, wait=True)
            json.dump(asdict(owner), file)
            file.flush()
            yield folder
    finally:
        _remove([owner])
        del _owned[folder]


@contextlib.contextmanager
def marked(folder: Path) -> Iterator[None]:
    """Mark the processes that are started in the block as users of `folder`.

    Processes that the user starts later are not marked.
    """
    os.environ[MARK] = str(folder)
    try:
        yield
    finally:
        del os.environ[MARK]


def remove_all() -> None:
    """Remove this process's folders, before it exits without clean-up."""
    _remove(list(_owned.values()))


@contextlib.contextmanager
def _claim(folder: Path) -> Iterator[Owner]:
    """Hold the lock of a folder that a dead process of ours left behind.

    Raises OSError, ValueError or TypeError without this proof: it is a directory, no link, with a
    name that `mkdtemp` makes; it and its lock file belong to our user; nobody holds the lock; and
    the lock file says that this very folder, not a copy, was made on this machine by a process that
    is dead.
    """
    _require(
        NAME.fullmatch(folder.name) and _is_ours(folder.lstat(), stat.S_ISDIR),
        "it does not look like one of our folders",
    )
    with _open(folder / LOCK) as file:
        _require(_is_ours(os.fstat(file.fileno()), stat.S_ISREG), "its lock is not ours")
        lock(file, wait=False)
        owner = Owner(**json.load(file))
        original = Path(owner.folder)
        _require(original.name == folder.name and original.samefile(folder), "it is a copy")
        _require(owner.host == platform.node() and not owner.alive, "its owner may be alive")
        yield owner


def _require(holds: object, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)


def _is_ours(status: os.stat_result, is_kind: Callable[[int], bool]) -> bool:
    return is_kind(status.st_mode) and status.st_uid == os.getuid()


def _open(path: Path) -> TextIO:
    """Open a file for reading without following links, and without blocking on a pipe."""
    return open(
        path,
        encoding="utf-8",
        opener=lambda path, flags: os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK),
    )


def _remove(owners: Collection[Owner]) -> None:
    """Kill the processes that use these folders, and remove the folders."""
    for _ in range(KILL_ROUNDS):
        users = [
            process
            for process in psutil.process_iter()
            if any(_uses(process, owner) for owner in owners)
        ]
        for process in users:
            with contextlib.suppress(psutil.Error):
                process.kill()
        if not users:
            break
        psutil.wait_procs(users, timeout=KILL_TIMEOUT_SECONDS)
    for owner in owners:
        for path in Path(owner.folder).glob("[!.]*"):
            shutil.rmtree(path, ignore_errors=True)
    # The lock files last: without them, nobody could prove that the folders may be removed.
    for owner in owners:
        shutil.rmtree(owner.folder, ignore_errors=True)


def _uses(process: psutil.Process, owner: Owner) -> bool:
    """Whether the process provably uses the owner's folder.

    Ray's processes have it in their environment. Some overwrite that memory with their title; those
    have a log file open in the folder.
    """
    try:
        if (
            process.pid == os.getpid()
            or process.uids().real != os.getuid()
            or process.create_time() < owner.started - CLOCK_TOLERANCE_SECONDS
        ):
            return False
        if process.environ().get(MARK) == owner.folder:
            return True
        inside = f"{os.path.realpath(owner.folder)}/"
        return process.name().startswith("ray::") and any(
            file.path.startswith(inside) and getattr(file, "mode", "w") != "r"
            for file in process.open_files()
        )
    except Exception:  # Anything about a process that is just exiting may be unreadable.
        return False
