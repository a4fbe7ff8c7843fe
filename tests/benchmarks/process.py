"""Runs a command and measures its time and the memory of its Ray workers."""

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
"""Variables that would change the measurement: the MLflow store, the cluster, and the threads of a
trial."""


@dataclass(frozen=True)
class Ran:
    """A process that ended. Times are seconds since 1970, memory is in bytes."""

    began: float
    ended: float
    pss: int
    """The highest PSS of a worker: shared pages are divided among the processes that share them."""
    rss: int
    """The highest RSS of a worker: shared pages count in full."""
    workers: int
    """How many processes trained."""


def run(
    module: str,
    argv: Sequence[str],
    log: Path,
    on_poll: Callable[[], None] = lambda: None,
    every: float = 1.0,
) -> Ran:
    """Run `python -m module argv...`, with its output in `log`.

    `on_poll` is called every so many seconds. What the command leaves running is killed.

    Raises RuntimeError with its last line if it does not end with 0.
    """
    temporary = tempfile.mkdtemp(prefix="side-")  # short, as Ray's sockets lie in it
    kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    own = {
        "TMPDIR": temporary,
        "PYTHONPATH": str(ROOT),
        "NO_COLOR": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    own["RAY_AUTH_TOKEN"] = secrets.token_hex(32)  # else Ray leaves one in the home folder
    descendants: set[psutil.Process] = set()
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
                descendants |= _descendants(process.pid)
                for worker in [one for one in descendants if _trains(one)]:
                    with contextlib.suppress(psutil.Error):
                        memory = worker.memory_full_info()
                        pss, rss = max(pss, memory.pss), max(rss, memory.rss)
                        trained.add(worker.pid)
                on_poll()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(every)
            ended = time.time()
            on_poll()
        finally:
            if process.poll() is None:  # else its number may belong to another process by now
                descendants |= _descendants(process.pid)
            process.kill()
            for left in descendants:
                with contextlib.suppress(psutil.Error):
                    left.kill()
            process.wait()
            # A process that still runs would write new files into the folder.
            psutil.wait_procs(descendants, timeout=5)
            shutil.rmtree(temporary, ignore_errors=True)
    if process.returncode != 0:
        raise RuntimeError(f"{module} ended with {process.returncode}: {_last_line(log)}")
    return Ran(began, ended, pss, rss, len(trained))


def _descendants(process: int) -> set[psutil.Process]:
    """All descendants of a process; none if it has ended."""
    try:
        return set(psutil.Process(process).children(recursive=True))
    except psutil.Error:
        return set()


def _trains(process: psutil.Process) -> bool:
    """Whether it is a Ray worker that runs something."""
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
    return lines[-1][:300] if lines else "it printed nothing"
