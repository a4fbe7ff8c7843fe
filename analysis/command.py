"""How every command starts, prints errors in one line, and exits."""

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from errno import EBUSY, EEXIST, EISDIR, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR
from pathlib import Path
from typing import NoReturn

OK, FAILED, USER_ERROR, NO_RESULT, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes. FAILED: the machine failed, such as a full disk. USER_ERROR: invalid input.
NO_RESULT: no trial completed. INTERRUPTED: by ^C or SIGTERM."""
MAX_ERROR_LENGTH = 1500
"""A longer error message loses its middle."""
WRONG_PATH = (EBUSY, EEXIST, ENOENT, ENOTDIR, EISDIR, ENAMETOOLONG, ELOOP)
"""The system's errors about a path that the user got wrong, rather than about a failing machine."""


def program(module: str) -> str:
    """How this process's user calls the command of a module: `python -m search.run`, `regimen run`.

    The latter where this process is `regimen`, which works in any folder.
    """
    is_regimen = Path(sys.argv[0]).stem == "regimen"
    return f"regimen {module.rpartition('.')[2]}" if is_regimen else f"python -m {module}"


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that reports a mistake in one line, without the usage, and exits with 2."""

    def error(self, message: str) -> NoReturn:
        """Print the error and exit."""
        self.exit(USER_ERROR, f"{refusal(message)}\n")


def refusal(error: Exception | str) -> str:
    """The line on stderr with which a command fails: printable, and not too long."""
    text, half = str(error).strip(), MAX_ERROR_LENGTH // 2
    if len(text) > MAX_ERROR_LENGTH:
        text = f"{text[:half]}...{text[3 - half :]}"
    return f"error: {''.join(c if c.isprintable() else ascii(c)[1:-1] for c in text)}"


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
    """Use a path that the user named. Raises ValueError if the path is at fault, else OSError."""
    try:
        yield
    except OSError as error:
        if error.errno in WRONG_PATH:
            raise ValueError(f"'{path}': {error.strerror}") from error
        raise


def _drop_unwritten() -> None:
    """Drop output that cannot be written.

    Python would try again when it exits, and fail with a traceback and an exit code of its own.
    """
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
