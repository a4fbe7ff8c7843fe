"""Runs a long benchmark: a temporary folder, the exit codes of `search.run`, and ^C."""

import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from analysis.command import FAILED, INTERRUPTED, OK, USER_ERROR, refusal


def run(prepare: Callable[[Path], Any]) -> int:
    """Run the benchmark that `prepare(folder)` makes; return the exit code.

    Its `report()` prints the measurements, also after ^C or SIGTERM, and returns whether they are
    complete. A ValueError is bad input.
    """
    before = signal.signal(signal.SIGTERM, _interrupt)
    folder = Path(tempfile.mkdtemp(prefix="benchmark-"))
    try:
        benchmark = prepare(folder)
        try:
            benchmark.run()
        except KeyboardInterrupt:
            benchmark.report()
            return INTERRUPTED
        return OK if benchmark.report() else FAILED
    except ValueError as error:
        print(refusal(error), file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        signal.signal(signal.SIGTERM, before)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
