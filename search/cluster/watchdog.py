"""Ends this process when one of Ray's own processes dies.

Without them no trial can go on, and Ray would end the driver without a useful message.
"""

import contextlib
import os
import select
import threading
import time
from collections.abc import Iterator
from typing import NoReturn

import psutil

from analysis.command import FAILED
from search.cluster import scratch

DAEMONS = ("raylet", "gcs_server")
"""Ray processes that are our children."""
AGENTS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")
"""Children of the raylet, which exits when either of them does."""
DISCOVERY_SECONDS = 10.0
"""How long after Ray's start to look for its processes: the raylet starts its agents later."""
POLL_MILLISECONDS = 100
NOT_BEGUN = "nothing is lost: the same command can be run again"
"""What is added to an error message before the first search."""

SHOW_CURSOR = b"\x1b[?25h\n"
"""What an immediate exit writes to a terminal: it ends no live view, which hides the cursor."""

_hint = [NOT_BEGUN]
_exiting = threading.RLock()
_watched: dict[psutil.Process, str] = {}
"""The processes that are watched, with their names."""


def exit_now(code: int, message: str = "") -> NoReturn:
    """End this process and its own cluster: print `message`, kill Ray's processes, remove files."""
    # Never released. Another thread that gets here waits for the end; a signal handler that
    # interrupts this very thread gets through, because the lock is reentrant.
    _exiting.acquire()
    # First the message: without its raylet, Ray may end this process at any time.
    if os.isatty(1):
        os.write(1, SHOW_CURSOR)
    os.write(2, message.encode())
    scratch.remove_all()
    os._exit(code)


def hint(continue_with: str | None = None) -> str:
    """What is added to error messages: how to continue, once a search has set it."""
    if continue_with is not None:
        _hint[0] = f"everything up to here is recorded; continue with: {continue_with}"
    return _hint[0]


def ray_is_alive() -> bool:
    """Whether all of the watched processes are alive.

    If not, workers die too, and their trials are not to blame.
    """
    return all(_is_alive(process) for process in _watched)


@contextlib.contextmanager
def watch(started: threading.Event) -> Iterator[None]:
    """Watch Ray's processes until the end of the block; `started` is set once Ray is up.

    Enter before Ray starts: if one of its processes dies then, Ray waits for a minute.
    """
    stopped = threading.Event()
    with contextlib.ExitStack() as descriptors:
        thread = threading.Thread(target=_watch, args=(started, stopped, descriptors), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join()
            _watched.clear()


def _watch(
    started: threading.Event, stopped: threading.Event, descriptors: contextlib.ExitStack
) -> None:
    """The watchdog's loop. A process's descriptor reports its death at once, without polling."""
    deaths, since = select.poll(), time.monotonic()
    while not stopped.is_set():
        if not started.is_set():
            since = time.monotonic()
        if time.monotonic() - since < DISCOVERY_SECONDS:
            for process, name in ray_processes():
                if process not in _watched and hasattr(os, "pidfd_open"):
                    with contextlib.suppress(OSError):
                        descriptor = os.pidfd_open(process.pid)
                        descriptors.callback(os.close, descriptor)
                        deaths.register(descriptor, select.POLLIN)
                _watched[process] = name
        for process, name in list(_watched.items()):
            if not _is_alive(process):
                exit_now(FAILED, f"error: Ray's process {name} died; {hint()}\n")
        deaths.poll(POLL_MILLISECONDS)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def is_ours() -> bool:
    """Whether this process started the cluster that it is connected to."""
    return any(ray_processes())


def ray_processes() -> Iterator[tuple[psutil.Process, str]]:
    """Ray's daemons and agents that this process started, with their names.

    The parent is checked too: between fork and exec, a worker also has the raylet's name.
    """
    for process in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if process.name() in DAEMONS:
                yield process, process.name()
                for agent in process.children():
                    if agent.name() in AGENTS:
                        yield agent, agent.name()
