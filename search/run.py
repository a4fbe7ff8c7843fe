"""python -m search.run: search a regime, confirm the best, compare, record."""

import os
import signal
import sys
from collections.abc import Sequence

from search.exit_codes import FAILED, INTERRUPTED, RECORDED, USER_ERROR
from search.parser import refusal


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    # Torch and Ray take seconds to import, in which a user may think better of it; and some of what they import swallows an interrupt.
    before = signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    from search.course import follow_command

    signal.signal(signal.SIGINT, before)
    try:
        return follow_command(argv)
    except ValueError as error:
        print(refusal(error), file=sys.stderr)
        return USER_ERROR
    except OSError as error:
        print(refusal(f"{error}; {RECORDED}"), file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    raise SystemExit(main())
