"""python -m search.run: search a regime's hyperparameters, choose and report the winner."""

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import NoReturn

from analysis.command import INTERRUPTED, print_error
from search.cluster.watchdog import hint
from search.driver import arguments
from search.signals import SIGNALS, Stop
from search.storage import require_storage
from search.study.lock import require_not_running
from trainables.parts.data.corpus import Corpus


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    try:
        with _exit_on_signals(), contextlib.ExitStack() as stack:
            return _run(argv, stack)
    except KeyboardInterrupt:
        return INTERRUPTED
    except (OSError, ValueError) as error:  # While Ray shut down.
        return print_error(OSError(error))


@contextlib.contextmanager
def _exit_on_signals() -> Iterator[None]:
    """Exit at once on a signal, until `Stop` takes over.

    The imports take seconds, and some of the imported packages swallow KeyboardInterrupt.
    """
    before = {number: signal.signal(number, lambda *_: os._exit(INTERRUPTED)) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _run(argv: Sequence[str] | None, stack: contextlib.ExitStack) -> int:
    """Start Ray while a thread imports the rest: both take seconds.

    Errors are printed here, before `stack` shuts Ray down.
    """
    try:
        args = arguments.parse(argv)
        if not args.dry_run:
            done = _before_ray(args)
            if done is not None:
                return done
        corpus = _first_lines(args)
        from search.cluster.start import cluster  # Imports Ray.

        stop = Stop()
        stack.enter_context(stop.handles())
        importing = ThreadPoolExecutor(1).submit(import_module, "search.driver.session")
        if not args.dry_run:
            address = args.address or os.environ.get("RAY_ADDRESS")
            workers = 0 if address else arguments.worker_count(args)
            stack.enter_context(cluster(address, workers, args.runtime_env))
        code: int = importing.result().run_command(args, stop, corpus)
        return code
    except (OSError, ValueError) as error:
        return print_error(error, hint=hint())


def _before_ray(args: argparse.Namespace) -> int | None:
    """Refuse a search that runs, and a folder that can hold none; print one that has ended.

    Returns the exit code where nothing is left to do.
    """
    require_storage(arguments.results_of(args))
    if args.resume is not None:
        require_not_running(arguments.resumed_folder(args))
    if not args.start_or_resume:
        arguments.require_free_names(args)
        return None
    begun = arguments.begun_folders(args)
    for folder in begun:
        require_not_running(folder)
    if not begun:
        return None
    from search.driver.session import print_ended  # Imports PyTorch and Ray.

    return print_ended(args)


def _first_lines(args: argparse.Namespace) -> Corpus | None:
    """Say what happens in the seconds before the plan; read and print data that is on this machine.

    Invalid data is refused here, before anything is started.
    """
    from search.terminal.console import SafeConsole, print_line
    from search.terminal.data import print_data
    from trainables.parts.data import corpus as corpora
    from trainables.parts.data.reading import reading_from
    from trainables.parts.data.sources import is_remote

    console = SafeConsole(highlight=False, soft_wrap=True, markup=False, quiet=args.quiet)
    corpus = None
    begun = args.resume is not None or (args.start_or_resume and arguments.begun_folders(args))
    if not begun and args.data is not None and not is_remote(args.data):
        corpus = corpora.read(args.data, **reading_from(arguments.given_values(args)))
        print_data(console, corpus)
    activity = "importing PyTorch" if args.dry_run else "importing PyTorch and starting workers"
    print_line(console, "start", f"{activity}, which takes several seconds")
    return corpus


def end(code: int) -> NoReturn:
    """End this process at once: everything is recorded.

    Python's own shutdown of threads and libraries takes a second, and may crash.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # The reader is gone.
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    end(main())
