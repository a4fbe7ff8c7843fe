"""How a command ends: its exit code, and one line on stderr where something went wrong."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from errno import EBUSY, EEXIST, EISDIR, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR
from pathlib import Path

from search.exit_codes import FAILED, INTERRUPTED, OK, USER_ERROR
from search.parser import refusal
from trainables.parts.quote import quoted

NOWHERE = (EBUSY, EEXIST, ENOENT, ENOTDIR, EISDIR, ENAMETOOLONG, ELOOP)
"""What the system says of a path that is wrong, and not of a machine that fails."""


def ended(work: Callable[[], int]) -> int:
    """Do a command's work and return its exit code: ValueError is the user's to mend, OSError the machine's fault."""
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
    """Use a path that the user named. Raises ValueError where it is wrong, as one below a file; what else fails is the machine's fault."""
    try:
        yield
    except OSError as error:
        if error.errno in NOWHERE:
            raise ValueError(f"{quoted(str(path))}: {error.strerror}") from error
        raise


def _drop_unwritten() -> None:
    """Keep Python from writing at its exit what could not be written: it would fail again, with a traceback and a code of its own."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
