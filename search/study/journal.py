"""The study's file: Optuna's journal, one JSON line an operation, written in atomic entries."""

import contextlib
import json
import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend, JournalFileSymlinkLock
from optuna.storages.journal._file import get_lock_file

LINE_START = b'{"op_code":'
"""How every line of a journal starts."""

CONTINUED_KEY = "more"
"""Key of a line that is not the last one of its entry. Optuna ignores it, so every reader of
Optuna's journals can read this file."""


class Journal(BaseJournalBackend):
    """A journal with one writing process. A failed write, as on a full disk, leaves the file as it
    was."""

    def __init__(self, path: Path) -> None:
        self.path, self._lock = path, JournalFileSymlinkLock(str(path))
        path.touch()
        self._unread: list[dict[str, Any]] = [
            json.loads(line) for line in path.read_bytes().splitlines()
        ]
        self._read = 0
        self._entry: list[dict[str, Any]] | None = None
        self._lost: OSError | None = None

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        """The operations from a number on, those of the open entry included.

        Optuna reads each once, so earlier ones are dropped.
        """
        del self._unread[: log_number_from - self._read]
        self._read = log_number_from
        return list(self._unread)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write `logs` as an entry, or add them to the open one.

        Raises OSError if writing fails.
        """
        if self._lost is not None:
            raise self._lost
        if self._entry is None:
            self.write(logs)
        else:
            self._entry += logs
        # Through JSON, so that this process sees what another one will read.
        self._unread += json.loads(json.dumps(logs))

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything appended in this block becomes one entry, or part of the open one."""
        if self._entry is not None:
            yield
            return
        self._entry = []
        try:
            yield
        finally:
            logs, self._entry = self._entry, None
            try:
                self.write(logs)
            except OSError as error:
                # Optuna has read operations that the file lacks, so nothing more may be written.
                self._lost = error
                raise

    def write(self, logs: list[dict[str, Any]]) -> None:
        """Append an entry to the file and wait until it is on the disk."""
        if not logs:
            return
        size = self.path.stat().st_size
        lines = [*({**log, CONTINUED_KEY: True} for log in logs[:-1]), logs[-1]]
        try:
            text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
            with get_lock_file(self._lock), open(self.path, "ab") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            os.truncate(self.path, size)
            raise


class Storage(JournalStorage):
    """Optuna's storage over a `Journal`. Threads wait for an open entry, so nobody sees what is not
    on the disk."""

    def __init__(self, path: Path) -> None:
        self.journal = Journal(path)
        super().__init__(self.journal)
        self._thread_lock = threading.RLock()  # type: ignore[assignment]

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All changes in this block are written at once. A process that dies leaves all or none."""
        with self._thread_lock, self.journal.transaction():
            yield


def repair(path: Path) -> None:
    """Drop a truncated last entry, and remove the lock of a killed process.

    Safe because the caller holds the search's own lock, so nobody else is writing. Raises
    ValueError if the file is not a journal.
    """
    Path(f"{path}.lock").unlink(missing_ok=True)
    content = path.read_bytes() if path.exists() else b""
    end = content.rfind(b"\n") + 1
    while end and not _ends_entry(content[content.rfind(b"\n", 0, end - 1) + 1 : end]):
        end = content.rfind(b"\n", 0, end - 1) + 1
    if end == 0 and content.strip(b"\0") and not content.startswith(LINE_START[: len(content)]):
        raise ValueError(f"'{path}' is no journal of a search; move it away")
    if end < len(content):
        os.truncate(path, end)


def _ends_entry(line: bytes) -> bool:
    try:
        log = json.loads(line)
    except ValueError:
        return False
    return isinstance(log, dict) and CONTINUED_KEY not in log
