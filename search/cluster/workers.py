"""The workers that Ray starts ahead: wait until they have imported what they preload."""

import contextlib
import time
from collections.abc import Callable

import psutil

from search.cluster.watchdog import ray_processes

IDLE = "ray::IDLE"
"""How the title of a worker without work begins."""
POLL_SECONDS = 0.3
QUIET_POLLS = 2
"""How often in a row the workers must take no CPU time. On a busy machine, one that imports may
have to wait for a core during a whole poll."""
BUSY = 0.06
"""CPU time by wall time above which a worker is still importing; one that waits takes 0.01."""
MOST_SECONDS = 60.0


def wait_for_workers(
    stopped: Callable[[], bool], read: Callable[[], dict[int, float]] | None = None
) -> None:
    """Wait until the idle workers of our own cluster take no CPU time, or until `stopped`.

    A worker accepts work only when its imports are done. For a trial that comes before, Ray starts
    a further worker, which imports everything again, on the same cores. `read` returns the workers'
    process ids and CPU seconds; by default `idle_workers`.
    """
    read = read or idle_workers
    deadline, before, quiet = time.monotonic() + MOST_SECONDS, read(), 0
    while before and quiet < QUIET_POLLS and time.monotonic() < deadline and not stopped():
        time.sleep(POLL_SECONDS)
        now, limit = read(), BUSY * POLL_SECONDS
        idle = all(seconds - before.get(pid, 0.0) < limit for pid, seconds in now.items())
        before, quiet = now, quiet + 1 if idle else 0


def idle_workers() -> dict[int, float]:
    """CPU seconds of each worker of our own cluster that has no work, by its process id."""
    found = {}
    for raylet in {process for process, name in ray_processes() if name == "raylet"}:
        for worker in raylet.children():
            with contextlib.suppress(psutil.Error):
                if " ".join(worker.cmdline()).startswith(IDLE):
                    times = worker.cpu_times()
                    found[worker.pid] = times.user + times.system
    return found
