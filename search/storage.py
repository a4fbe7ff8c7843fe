"""Whether a results folder can hold searches: on a disk that outlives them, and that can lock."""

import errno
import os
import tempfile
from pathlib import Path

from search.folders import results_folder
from search.lock import lock
from trainables.parts.quote import quoted

RAY_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""What Ray's job server sets in the environment of the commands that it runs."""
NOT_OFFERED = (errno.ENOTSUP, errno.ENOSYS, errno.EPERM, errno.EINVAL, errno.ENOLCK, errno.ENOTTY)
"""Errors that say that a file system has no such operation."""


def require_storage(results: str) -> None:
    """Raise ValueError where no search can be kept in the folder `results`.

    It tries on empty files what a search does, in that folder or the nearest above it that exists.
    """
    if RAY_JOB in os.environ and not Path(results).expanduser().is_absolute():
        raise ValueError(
            "--results must be an absolute path in a Ray job, whose working directory is removed"
            f" with Ray's session; got {quoted(results)}"
        )
    folder = results_folder(results)
    while not folder.exists():
        folder = folder.parent
    try:
        with tempfile.TemporaryDirectory(prefix=".regimen-", dir=folder) as scratch:
            missing = _missing(Path(scratch))
    except OSError:  # A full or read-only disk is refused where something is written.
        return
    if missing:
        raise ValueError(
            "--results must be on a POSIX file system, local or shared; got"
            f" {quoted(str(folder))}, which {missing}"
        )


def _missing(folder: Path) -> str | None:
    """What the file system of an empty folder lacks, in words; None if it has everything."""
    first, second = folder / "first", folder / "second"
    doing = "cannot write files"
    try:
        first.write_bytes(b"one")
        doing = "cannot append to files"
        with first.open("ab") as file:
            file.write(b"two")
            file.flush()
            os.fsync(file.fileno())
        doing = "cannot truncate files"
        os.truncate(first, 3)
        doing = "cannot rename files"
        second.touch()
        first.replace(second)
        doing = "has no symbolic links"
        first.symlink_to(second)
        doing = "cannot lock files"
        with second.open("ab") as mine, second.open("ab") as other:
            lock(mine, wait=False)
            try:
                lock(other, wait=False)
            except BlockingIOError:
                return None
            return "lets two processes lock the same file"
    except OSError as error:
        if error.errno not in NOT_OFFERED:
            raise
        return f"{doing} ({error.strerror})"
