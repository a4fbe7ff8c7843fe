"""How every command starts, says in one line what is wrong, and exits."""

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from errno import EBUSY, EEXIST, EISDIR, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR
from pathlib import Path
from typing import NoReturn

from trainables.parts.quote import printable, quoted

OK, FAILED, USER_ERROR, NOTHING_FOUND, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes. FAILED: the machine's fault, such as a full disk. USER_ERROR: invalid input.
NOTHING_FOUND: no trial completed. INTERRUPTED: by ^C or SIGTERM."""
RECORDED = "everything up to here is recorded, and --resume goes on from it"

NOWHERE = (EBUSY, EEXIST, ENOENT, ENOTDIR, EISDIR, ENAMETOOLONG, ELOOP)
"""What the system says of a path that is wrong, and not of a machine that fails."""


class Parser(argparse.ArgumentParser):
    """argparse, but a mistake is one line on stderr and exit code 2, without the usage in front of
    it."""

    def error(self, message: str) -> NoReturn:
        """Exit with what is wrong."""
        self.exit(USER_ERROR, f"{refusal(message)}\n")


def refusal(error: Exception | str) -> str:
    """The one line on stderr that a command ends with where it refuses what it was given."""
    return f"error: {printable(str(error).strip(), 1500)}"


def ended(work: Callable[[], int]) -> int:
    """Do a command's work and return its exit code:

    ValueError is the user's to mend, OSError the machine's fault.
    """
    try:
        code = work()
        sys.stdout.flush()  # a full disk may show here first
    except BrokenPipeError:  # `| head` has read enough
        code = OK
    except KeyboardInterrupt:
        code = INTERRUPTED
    except (OSError, ValueError) as error:
        code = USER_ERROR if isinstance(error, ValueError) else FAILED
        with contextlib.suppress(OSError):
            print(refusal(error), file=sys.stderr)
    _drop_unwritten()
    return code


@contextlib.contextmanager
def at(path: Path) -> Iterator[None]:
    """Use a path that the user named.

    Raises ValueError where it is wrong, as one below a file; what else fails is the machine's
    fault.
    """
    try:
        yield
    except OSError as error:
        if error.errno in NOWHERE:
            raise ValueError(f"{quoted(str(path))}: {error.strerror}") from error
        raise


def _drop_unwritten() -> None:
    """Keep Python from writing at its exit what could not be written: it would fail again, with a
    traceback and a code of its own."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
