"""python -m search.run: search a regime, confirm the best, compare, record."""

import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module

from search.command import FAILED, INTERRUPTED, RECORDED, USER_ERROR, refusal

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    # Ray takes a moment to import, in which a user may think better of it; and some of what it
    # imports swallows an interrupt.
    before = {number: signal.signal(number, lambda *_: os._exit(INTERRUPTED)) for number in SIGNALS}
    try:
        with contextlib.ExitStack() as stack:
            return _follow(argv, stack)
    except KeyboardInterrupt:
        return INTERRUPTED
    except (OSError, ValueError) as error:  # while Ray was taken down
        print(refusal(error), file=sys.stderr)
        return FAILED
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _follow(argv: Sequence[str] | None, stack: contextlib.ExitStack) -> int:
    """Start Ray while a thread imports the rest: either takes seconds.

    What went wrong is said before `stack` takes Ray down again.
    """
    try:
        from search import arguments

        args = arguments.parse(argv)
        from search.cluster.start import cluster
        from search.signals import Stop

        stop = Stop()
        stack.enter_context(stop.handles())
        importing = ThreadPoolExecutor(1).submit(import_module, "search.session")
        if not args.dry_run:
            address = args.address or os.environ.get("RAY_ADDRESS")
            stack.enter_context(cluster(address, 0 if address else arguments.worker_count(args)))
        return importing.result().follow_command(args, stop)
    except ValueError as error:
        print(refusal(error), file=sys.stderr)
        return USER_ERROR
    except OSError as error:
        print(refusal(f"{error}; {RECORDED}"), file=sys.stderr)
        return FAILED


if __name__ == "__main__":
    code = main()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # nobody reads any more
            stream.flush()
    # Everything is recorded. Python's own shutdown of threads and libraries takes a second and may crash.
    os._exit(code)
