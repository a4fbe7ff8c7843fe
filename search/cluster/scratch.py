"""Temporary folders for Ray's files: removed at the end with the processes that use them, or later,
where their owner was killed.

Nothing is removed or killed that is not provably ours. A folder is, if its lock file, which only
its owner writes, says so (`_claim`); a process is, if it is our user's, no older than the folder's
owner, and has the folder in its environment or its log there (`_uses`). What lacks a proof stays,
as do folders that versions without such a lock file left.
"""

import contextlib
import fcntl
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

PREFIX, LOCK, MARK = "regimen-", ".lock", "REGIMEN_TEMPORARY"
"""Of the folders' names; the file in each that its owner holds locked; and the variable that names
it to the processes that use it."""
NAME = re.compile(rf"{PREFIX}[a-z0-9_]{{8}}")
"""As `tempfile.mkdtemp` makes them."""
SLACK = 2.0
"""Seconds by which two readings of one process's start may differ: the clock is set meanwhile."""
ROUNDS = 5
"""How often processes are looked for: one that is killed may just have started another."""


@dataclass(frozen=True)
class Owner:
    """The process that made a folder, as the folder's lock file names it:

    `started` in seconds since 1970.
    """

    folder: str
    host: str
    pid: int
    started: float

    @property
    def alive(self) -> bool:
        """Whether it runs, or may run.

        A number that another process has by now is told by when that one started.
        """
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < SLACK
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False
        except psutil.Error:
            return True


_owned: dict[Path, Owner] = {}


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder for files that nobody needs afterwards.

    What killed processes of ours left is removed first.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError, ValueError, TypeError), _claim(left) as owner:
            _remove([owner])
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    owner = Owner(str(folder), platform.node(), os.getpid(), psutil.Process().create_time())
    _owned[folder] = owner
    try:
        with (folder / LOCK).open("x") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            json.dump(asdict(owner), lock)
            lock.flush()
            yield folder
    finally:
        _remove([owner])
        del _owned[folder]


@contextlib.contextmanager
def marked(folder: Path) -> Iterator[None]:
    """Inside, processes that are started use `folder`, and end with it.

    What the user starts later does not.
    """
    os.environ[MARK] = str(folder)
    try:
        yield
    finally:
        del os.environ[MARK]


def remove_all() -> None:
    """Remove this process's folders, before it ends at once."""
    _remove(list(_owned.values()))


@contextlib.contextmanager
def _claim(folder: Path) -> Iterator[Owner]:
    """Hold the lock of a folder that a dead process of ours left.

    Raises where anything says that it is not one.

    The proof: a directory, no link, by a name of `mkdtemp`'s; it and its lock file are our user's;
    nobody holds the lock; and that says that this very folder, not a copy of it, was made on this
    machine by a process that is dead.
    """
    _require(
        NAME.fullmatch(folder.name) and _own(folder.lstat(), stat.S_ISDIR),
        "it has not the form of one",
    )
    with _open(folder / LOCK) as lock:
        _require(_own(os.fstat(lock.fileno()), stat.S_ISREG), "its lock is not ours")
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        owner = Owner(**json.load(lock))
        made = Path(owner.folder)
        _require(made.name == folder.name and made.samefile(folder), "it is a copy")
        _require(owner.host == platform.node() and not owner.alive, "its owner may live")
        yield owner


def _require(holds: object, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)


def _own(found: os.stat_result, kind: Callable[[int], bool]) -> bool:
    return kind(found.st_mode) and found.st_uid == os.getuid()


def _open(lock: Path) -> TextIO:
    """Read a file that may be something else: no link is followed, no pipe waited for."""
    return open(
        lock,
        encoding="utf-8",
        opener=lambda path, flags: os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK),
    )


def _remove(owners: Collection[Owner]) -> None:
    """Kill the processes that use these folders, and remove them."""
    for _ in range(ROUNDS):
        found = [
            process
            for process in psutil.process_iter()
            if any(_uses(process, owner) for owner in owners)
        ]
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.kill()
        if not found:
            break
        psutil.wait_procs(found, timeout=3)
    for owner in owners:
        for path in Path(owner.folder).glob("[!.]*"):
            shutil.rmtree(path, ignore_errors=True)
    for (
        owner
    ) in owners:  # the locks last: without them, nobody could know that the folders may be removed
        shutil.rmtree(owner.folder, ignore_errors=True)


def _uses(process: psutil.Process, owner: Owner) -> bool:
    """Ray's processes have the folder in their environment, or, where they wrote their title over
    that, write their logs into it."""
    try:
        if (
            process.pid == os.getpid()
            or process.uids().real != os.getuid()
            or process.create_time() < owner.started - SLACK
        ):
            return False
        if process.environ().get(MARK) == owner.folder:
            return True
        inside = f"{os.path.realpath(owner.folder)}/"
        return process.name().startswith("ray::") and any(
            file.path.startswith(inside) and getattr(file, "mode", "w") != "r"
            for file in process.open_files()
        )
    except Exception:  # of a process that ends at this moment, anything may be unreadable
        return False
