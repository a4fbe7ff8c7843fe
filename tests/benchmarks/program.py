"""How a benchmark that takes minutes runs: in a folder of its own, with exit codes as search.run
has them, and ending well on ^C."""

import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from search.command import FAILED, INTERRUPTED, OK, USER_ERROR, refusal


def run(prepare: Callable[[Path], Any]) -> int:
    """`prepare(folder)` gives what has `run()` and `tell()`; returns the exit code.

    `tell` prints what was measured, also where ^C or SIGTERM cut it short, and says whether all of
    it was. A ValueError is bad input.
    """
    before = signal.signal(signal.SIGTERM, _interrupt)
    folder = Path(tempfile.mkdtemp(prefix="benchmark-"))
    try:
        benchmark = prepare(folder)
        try:
            benchmark.run()
        except KeyboardInterrupt:
            benchmark.tell()
            return INTERRUPTED
        return OK if benchmark.tell() else FAILED
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
