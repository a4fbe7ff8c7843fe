"""Workers that Ray starts in advance: they import what a trial needs, and the driver waits."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from search.cluster.code import CODE
from search.cluster.preloaded import READY
from search.cluster.watchdog import ray_processes

PRELOADED = [
    "torch",
    "transformers.modeling_utils",
    "ray.tune",
    "optuna",
    "search.cluster.preloaded",
]
"""Modules that take a worker seconds to import, while the driver prepares the data; last its
mark."""
IDLE = "ray::IDLE"
"""How the name of a worker without work begins."""
POLL_SECONDS = 0.1
WORKERS_TIMEOUT_SECONDS = 60.0

_marks: list[Path] = []
"""The folder in which workers leave their marks, while there is one."""


@contextlib.contextmanager
def preloading(folder: Path) -> Iterator[None]:
    """In the block, workers that start mark themselves as ready in `folder`.

    Ray preloads before it sets a worker's path, so the code must be on Python's own.
    """
    marks = folder / "ready"
    marks.mkdir()
    _marks.append(marks)
    path = [] if "site-packages" in CODE.parts else [str(CODE)]
    path += filter(None, [os.environ.get("PYTHONPATH")])
    before = {name: os.environ.get(name) for name in (READY, "PYTHONPATH")}
    os.environ |= {READY: str(marks), "PYTHONPATH": os.pathsep.join(path)}
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def wait_for_workers(stopped: Callable[[], bool]) -> None:
    """Wait until the idle workers of our own cluster have imported everything, or until `stopped`.

    For a trial that comes sooner, Ray would start a further worker, which imports everything again
    on the same cores.
    """
    deadline = time.monotonic() + WORKERS_TIMEOUT_SECONDS
    while not _are_ready() and time.monotonic() < deadline and not stopped():
        time.sleep(POLL_SECONDS)


def _are_ready() -> bool:
    return not _marks or all((_marks[-1] / str(pid)).exists() for pid in _idle())


def _idle() -> Iterator[int]:
    """The process ids of our own cluster's workers that have no work."""
    for raylet in {process for process, name in ray_processes() if name == "raylet"}:
        for worker in raylet.children():
            with contextlib.suppress(psutil.Error):
                if worker.name().startswith(IDLE):
                    yield worker.pid


def forget() -> None:
    """The cluster has ended: do not wait for its workers any more."""
    _marks.clear()
