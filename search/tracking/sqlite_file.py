"""MLflow's SQLite file: created atomically, and its replacement noticed."""

import contextlib
import errno
import os
import re
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from search.lock import locked


def path_of(uri: str) -> Path | None:
    """The file of an sqlite store; None for another kind of store."""
    return (
        Path(uri.removeprefix("sqlite:///").partition("?")[0])
        if uri.startswith("sqlite:///")
        else None
    )


def file_id(uri: str) -> tuple[int, int] | None:
    """Device and inode of a local store's file, to notice its replacement; None without one."""
    path = path_of(uri)
    try:
        stat = None if path is None else path.stat()
    except OSError:
        return None
    return (stat.st_dev, stat.st_ino) if stat else None


def another_spelling(uri: str) -> str:
    """Another address of the same SQLite file.

    MLflow keeps one engine per address for the life of a process, even if its file was replaced. A
    new address is the only way to a new engine that MLflow's public API has.
    """
    path = uri.removeprefix("sqlite:///")
    return f"sqlite:////.{path}" if path.startswith("/") else f"sqlite:///./{path}"


def make(path: Path, fill: Callable[[str], object]) -> None:
    """Have `fill` make the store at an address beside `path`, and move it there, unless there is
    one already.

    MLflow takes seconds to make one, a table after the other, and never opens one again that was
    cut short in this.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        return
    with locked(path.with_name(f".{path.name}.lock"), wait=True) as lock:
        if path.exists():
            return
        _remove_last(path, lock)
        name = uuid.uuid4().hex  # a new one each time: MLflow keeps a store open by its address
        lock.write(f"{name}\n")
        lock.flush()
        try:
            with _unsynced():
                fill(f"sqlite:///{_beside(path, name)}")
            with _beside(path, name).open("rb") as file:
                os.fsync(file.fileno())
            _beside(path, name).rename(path)
        except BaseException:
            _remove(path, name)
            raise


def is_full(error: BaseException | None) -> bool:
    """Whether an error, or one that it comes from, says that the disk is full."""
    while error is not None:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            return True
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__ or error.__context__
    return False


@contextlib.contextmanager
def _unsynced() -> Iterator[None]:
    """SQLite connections that begin in the block do not wait for the disk.

    A new store takes some hundred transactions, and nobody has it before it is renamed.
    """
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    def begin(connection: Any, record: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous=OFF")

    event.listen(Engine, "connect", begin)
    try:
        yield
    finally:
        event.remove(Engine, "connect", begin)


def _beside(path: Path, name: str) -> Path:
    return path.with_name(f".{path.name}.{name}.new")


def _remove_last(path: Path, lock: TextIO) -> None:
    """Remove what was cut short last.

    The proof that it is ours: the lock file has its name, and nobody makes it any more.
    """
    lock.seek(0)
    last = lock.read().rpartition("\n")[0].rpartition("\n")[2]
    if re.fullmatch("[0-9a-f]{32}", last):
        _remove(path, last)


def _remove(path: Path, name: str) -> None:
    for end in ("", "-journal", "-wal", "-shm"):
        Path(f"{_beside(path, name)}{end}").unlink(missing_ok=True)
