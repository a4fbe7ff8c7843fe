"""The study's file:

Optuna's journal, one JSON line an operation, in entries that are on the disk whole or not at all.
"""

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

BEGINNING = b'{"op_code":'
"""Of a journal's every line."""

MORE = "more"
"""Key of a line that is not the last one of its entry. Optuna ignores it, so that any reader of its
journals reads this one."""


class Journal(BaseJournalBackend):
    """A journal that no other process writes.

    A write that fails, as on a full disk, leaves the file as it was.
    """

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
        """Lines from that one on, also of the entry under way.

        Optuna reads each once, so earlier ones are dropped.
        """
        del self._unread[: log_number_from - self._read]
        self._read = log_number_from
        return list(self._unread)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write `logs` as an entry, or add them to the one under way.

        Raises OSError where the file can't be written.
        """
        if self._lost is not None:
            raise self._lost
        if self._entry is None:
            self.write(logs)
        else:
            self._entry += logs
        self._unread += json.loads(json.dumps(logs))  # as another process will read them

    @contextlib.contextmanager
    def entry(self) -> Iterator[None]:
        """What is appended in this block is one entry, written at its end, or a part of the entry
        that is under way."""
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
                self._lost = error  # Optuna has read what the file lacks: nothing may follow
                raise

    def write(self, logs: list[dict[str, Any]]) -> None:
        """Add an entry to the file, and wait until the disk has it."""
        if not logs:
            return
        size = self.path.stat().st_size
        lines = [*({**log, MORE: True} for log in logs[:-1]), logs[-1]]
        try:
            with get_lock_file(self._lock), open(self.path, "ab") as file:
                file.write(
                    "".join(
                        json.dumps(line, separators=(",", ":")) + "\n" for line in lines
                    ).encode()
                )
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            os.truncate(self.path, size)
            raise


class Storage(JournalStorage):
    """Optuna's storage over a `Journal`.

    While a thread writes an entry, others wait: nobody sees what is not on the disk.
    """

    def __init__(self, path: Path) -> None:
        self.journal = Journal(path)
        super().__init__(self.journal)
        self._thread_lock = threading.RLock()  # type: ignore[assignment]

    @contextlib.contextmanager
    def entry(self) -> Iterator[None]:
        """All changes of this block are written at once: a process that dies leaves all of them or
        none."""
        with self._thread_lock, self.journal.entry():
            yield


def mend(path: Path) -> None:
    """Cut off what a power loss left of a journal's last entry, and remove the lock of a process
    that was killed.

    The proof: the caller holds the search's own lock, so nobody is writing. Raises ValueError where
    the file is something else.
    """
    Path(f"{path}.lock").unlink(missing_ok=True)
    content = path.read_bytes() if path.exists() else b""
    end = content.rfind(b"\n") + 1
    while end and not _ends_entry(content[content.rfind(b"\n", 0, end - 1) + 1 : end]):
        end = content.rfind(b"\n", 0, end - 1) + 1
    if end == 0 and content.strip(b"\0") and not content.startswith(BEGINNING[: len(content)]):
        raise ValueError(f"'{path}' is no journal of a search; move it away")
    if end < len(content):
        os.truncate(path, end)


def _ends_entry(line: bytes) -> bool:
    try:
        log = json.loads(line)
    except ValueError:
        return False
    return isinstance(log, dict) and MORE not in log
