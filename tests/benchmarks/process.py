"""A command as a process: its time, and the memory of the workers that train for it."""

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
NOT_WORKERS = ("ray::IDLE", "ray::DashboardAgent", "ray::RuntimeEnvAgent")
FOREIGN = ("MLFLOW_TRACKING_URI", "RAY_ADDRESS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Variables that would change what is measured: where records go, whose cluster it is, and the
threads that Ray gives to a trial."""


@dataclass(frozen=True)
class Ran:
    """A process that is over. Times are seconds since 1970, memory is in bytes."""

    began: float
    ended: float
    pss: int
    """The most that one worker had, pages that it shares with others divided among them."""
    rss: int
    """The same with shared pages counted in full."""
    workers: int
    """How many processes trained."""


def run(
    module: str,
    argv: Sequence[str],
    log: Path,
    look: Callable[[], None] = lambda: None,
    every: float = 1.0,
) -> Ran:
    """`python -m module argv...`, to its end; `look` is called every so many seconds.

    What it says is in `log`.

    Raises RuntimeError with its last line where it does not end with 0. Whatever it leaves running
    is ended.
    """
    temporary = tempfile.mkdtemp(
        prefix="side-"
    )  # of its own, and short: Ray's sockets lie below it
    kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    own = {
        "TMPDIR": temporary,
        "PYTHONPATH": str(ROOT),
        "NO_COLOR": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    own["RAY_AUTH_TOKEN"] = secrets.token_hex(32)  # else Ray leaves one in the home folder
    family: set[psutil.Process] = set()
    pss = rss = 0
    trained: set[int] = set()
    began = time.time()
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *argv],
            cwd=ROOT,
            env={**kept, **own},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            while process.poll() is None:
                family |= _descendants(process.pid)
                for worker in [one for one in family if _trains(one)]:
                    with contextlib.suppress(psutil.Error):
                        memory = worker.memory_full_info()
                        pss, rss = max(pss, memory.pss), max(rss, memory.rss)
                        trained.add(worker.pid)
                look()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(every)
            ended = time.time()
            look()
        finally:
            if process.poll() is None:  # else its number may be another's by now
                family |= _descendants(process.pid)
            process.kill()
            for left in family:
                with contextlib.suppress(psutil.Error):
                    left.kill()
            process.wait()
            psutil.wait_procs(
                family, timeout=5
            )  # before its files are removed: what still runs would make new ones
            shutil.rmtree(temporary, ignore_errors=True)
    if process.returncode != 0:
        raise RuntimeError(f"{module} ended with {process.returncode}: {_last_line(log)}")
    return Ran(began, ended, pss, rss, len(trained))


def _descendants(process: int) -> set[psutil.Process]:
    """All below a process; none where it is gone."""
    try:
        return set(psutil.Process(process).children(recursive=True))
    except psutil.Error:
        return set()


def _trains(process: psutil.Process) -> bool:
    """Whether it is a worker of Ray's that was given something to do."""
    try:
        title = process.name()
    except psutil.Error:
        return False
    return title.startswith("ray::") and title not in NOT_WORKERS


def _last_line(log: Path) -> str:
    lines = [
        line.strip()
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines()
        if line.strip()
    ]
    return lines[-1][:300] if lines else "it said nothing"
