"""How every command starts, prints errors in one line, and exits."""

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from errno import EBUSY, EEXIST, EISDIR, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR
from pathlib import Path
from typing import NoReturn

from trainables.parts.quote import printable, quoted

OK, FAILED, USER_ERROR, NO_RESULT, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes. FAILED: the machine's fault, such as a full disk. USER_ERROR: invalid input.
NO_RESULT: no trial completed. INTERRUPTED: by ^C or SIGTERM."""
RECORDED = "everything up to here is recorded; continue with --resume"
MAX_ERROR_LENGTH = 1500
"""Characters of an error line."""
WRONG_PATH = (EBUSY, EEXIST, ENOENT, ENOTDIR, EISDIR, ENAMETOOLONG, ELOOP)
"""System errors that mean a wrong path, and not a failing machine."""


class Parser(argparse.ArgumentParser):
    """argparse, with errors in one line and without the usage before them."""

    def error(self, message: str) -> NoReturn:
        """Exit with the code for invalid input."""
        self.exit(USER_ERROR, f"{refusal(message)}\n")


def refusal(error: Exception | str) -> str:
    """The line on stderr with which a command fails."""
    return f"error: {printable(str(error).strip(), MAX_ERROR_LENGTH)}"


def print_error(error: OSError | ValueError, hint: str = "") -> int:
    """Print an error in one line, and return its exit code.

    ValueError means invalid input, OSError that the machine failed; `hint` is for the latter.
    """
    code = USER_ERROR if isinstance(error, ValueError) else FAILED
    line = f"{error}; {hint}" if hint and code == FAILED else str(error)
    with contextlib.suppress(OSError):
        print(refusal(line), file=sys.stderr)
    return code


def exit_code(work: Callable[[], int]) -> int:
    """Do a command's work, which returns an exit code; turn its exceptions into one."""
    try:
        code = work()
        sys.stdout.flush()  # A full disk may show only here.
    except BrokenPipeError:
        code = OK  # The reader, such as `| head`, has what it wants.
    except KeyboardInterrupt:
        code = INTERRUPTED
    except (OSError, ValueError) as error:
        code = print_error(error)
    _drop_unwritten()
    return code


@contextlib.contextmanager
def user_path(path: Path) -> Iterator[None]:
    """Turn an OSError in the block into ValueError where it means that `path` is wrong."""
    try:
        yield
    except OSError as error:
        if error.errno in WRONG_PATH:
            raise ValueError(f"{quoted(str(path))}: {error.strerror}") from error
        raise


def _drop_unwritten() -> None:
    """Drop output that cannot be written.

    Python would try again when it exits, and fail with a traceback and an exit code of its own.
    """
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
