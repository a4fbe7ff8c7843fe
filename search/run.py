"""python -m search.run: search a regime, confirm the best, compare, record."""

import contextlib
import os
import signal
import sys
from collections.abc import Sequence

from search.exit_codes import FAILED, INTERRUPTED, RECORDED, USER_ERROR
from search.parser import refusal

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    # Torch and Ray take seconds to import, in which a user may think better of it; and some of what they import swallows an interrupt.
    before = {number: signal.signal(number, lambda *_: os._exit(INTERRUPTED)) for number in SIGNALS}
    try:
        from search.course import follow_command

        signal.signal(signal.SIGINT, before[signal.SIGINT])
        return follow_command(argv)
    except ValueError as error:
        print(refusal(error), file=sys.stderr)
        return USER_ERROR
    except OSError as error:
        print(refusal(f"{error}; {RECORDED}"), file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    code = main()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # nobody reads any more
            stream.flush()
    os._exit(code)  # all is done and recorded; what Python would still take down, threads and libraries, takes a second and may crash
