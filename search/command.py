"""How a command ends: its exit code, and one line on stderr where something went wrong."""

import contextlib
import os
import sys
from collections.abc import Callable

from search.exit_codes import FAILED, INTERRUPTED, OK, USER_ERROR
from search.parser import refusal


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


def _drop_unwritten() -> None:
    """Keep Python from writing at its exit what could not be written: it would fail again, with a traceback and a code of its own."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
