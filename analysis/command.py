"""How every command parses its arguments, reports an error in one line, and exits."""

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from errno import EBUSY, EEXIST, EISDIR, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR
from pathlib import Path
from typing import NoReturn

from analysis.text import plain

OK, FAILED, USER_ERROR, INTERRUPTED = 0, 1, 2, 130
"""Exit codes. FAILED: the machine failed, such as a full disk. USER_ERROR: invalid input.
INTERRUPTED: by ^C or SIGTERM."""
MAX_ERROR_LENGTH = 1500
"""A longer error message loses its middle."""
WRONG_PATH = (EBUSY, EEXIST, ENOENT, ENOTDIR, EISDIR, ENAMETOOLONG, ELOOP)
"""The system's errors about a path that the user got wrong, rather than about a failing machine."""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that reports a mistake in one line, without the usage, and exits with 2."""

    def error(self, message: str) -> NoReturn:
        """Print the error and exit."""
        self.exit(USER_ERROR, f"{refusal(message)}\n")


def refusal(error: Exception | str) -> str:
    """The line on stderr with which a command refuses its input."""
    text = plain(str(error))
    half = MAX_ERROR_LENGTH // 2
    if len(text) > MAX_ERROR_LENGTH:
        text = f"{text[:half]}...{text[3 - half :]}"
    return f"error: {text}"


def exit_code(work: Callable[[], int]) -> int:
    """Run a command's work and return its exit code.

    A ValueError is the user's error, an OSError the machine's; either is printed as one line.
    """
    try:
        code = work()
        sys.stdout.flush()  # a full disk may only show here
    except BrokenPipeError:  # the reader, such as `head`, has closed the pipe
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
def user_path(path: Path) -> Iterator[None]:
    """Use a path that the user named. Raises ValueError if the path is at fault, else OSError."""
    try:
        yield
    except OSError as error:
        if error.errno in WRONG_PATH:
            raise ValueError(f"'{path}': {error.strerror}") from error
        raise


def _drop_unwritten() -> None:
    """Keep Python from flushing at exit what can't be written.

    It would fail again, with a traceback and an exit code of its own.
    """
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
