"""A Ray cluster for the length of a command: quiet, on loopback, and gone afterwards; or the user's
own."""

import contextlib
import logging
import math
import os
import secrets
import select
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import psutil
import ray

from search.cluster import scratch
from search.command import FAILED, RECORDED

VITAL, AGENTS = ("raylet", "gcs_server"), ("ray::DashboardAgent", "ray::RuntimeEnvAgent")
"""Ray's processes that it does not go on without: our children, and theirs; the raylet ends with
either agent."""
PRELOADED = ["torch", "transformers.modeling_utils", "ray.tune", "optuna"]
"""Modules that take a worker seconds to import: it does so while the driver still sends it data and
weights."""


@dataclass(frozen=True)
class Resources:
    """What one trial takes, and how many run side by side."""

    cpus: float
    gpus: float
    slots: int

    @property
    def threads(self) -> int:
        """Threads of a trial's matrix products.

        Sums depend on it, so every run of a configuration uses the same.
        """
        return max(1, int(self.cpus))

    @property
    def device(self) -> str:
        """Where a trial trains."""
        return "cuda" if self.gpus > 0 else "cpu"


@contextlib.contextmanager
def cluster(address: str | None = None, workers: int = 0) -> Iterator[None]:
    """Connect to the cluster at `address`, or start one on this machine and remove it, with its
    files, at the end.

    `workers` is how many of its processes will be needed at once. Ray starts one a core, and only
    where most of them are needed do they prepare themselves: each takes some 300 MiB then. Raises
    ValueError where none answers, OSError where none can be started. A cluster of our own listens
    on loopback alone.
    """
    with contextlib.ExitStack() as stack:
        own = None if address else stack.enter_context(scratch.temporary_folder())
        if own:
            os.environ.setdefault(
                "RAY_AUTH_TOKEN", secrets.token_hex(32)
            )  # else Ray leaves one in the home folder
            _stay_on_loopback()
        stack.callback(_shut_down)
        before = signal.getsignal(signal.SIGTERM)
        started = threading.Event()
        if own:
            stack.enter_context(
                _watched(started)
            )  # from before there is anything to watch: half started, Ray would wait for a minute
        try:
            with scratch.marked(own) if own else contextlib.nullcontext():
                ray.init(
                    address=address or "local",
                    include_dashboard=None if address else False,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    _temp_dir=str(own) if own else None,
                    _system_config=_settings(workers) if own else None,
                )
        except SystemExit as ended:  # Ray's own answer to SIGTERM while it starts
            raise KeyboardInterrupt from ended
        except Exception as error:  # Ray raises its own, Python's, and those of what it is made of
            reason = " ".join(str(error).split())[:200]
            if address:
                raise ValueError(f"no Ray cluster answers at '{address}': {reason}") from error
            raise OSError(f"Ray cannot be started: {reason}") from error
        finally:
            if (
                before != signal.SIG_DFL
            ):  # else Ray's answer to SIGTERM stays, which at least ends in good order
                signal.signal(signal.SIGTERM, before)
        for name in ("ray", "ray.tune", "ray.data", "ray.train"):
            logging.getLogger(name).setLevel(
                logging.CRITICAL
            )  # a worker that dies is in the study, without its traceback
        started.set()
        yield


def _shut_down() -> None:
    """Leave Ray.

    Its C++ then sets SIGTERM to the default, behind Python's back: Python's handlers are put back.
    """
    ray.shutdown()
    for number in (signal.SIGINT, signal.SIGTERM):
        if (handler := signal.getsignal(number)) is not None:
            signal.signal(number, handler)


def _settings(workers: int) -> dict[str, Any]:
    """Ray's own.

    Heartbeats that a busy machine misses end nothing: we watch the processes themselves.
    """
    settings: dict[str, Any] = {"health_check_failure_threshold": 1000}
    if 2 * workers > (psutil.cpu_count() or 1):
        settings["preload_python_modules"] = PRELOADED
    return settings


def end_at_once(code: int, why: str = "") -> NoReturn:
    """End this process, and a cluster of our own: say `why`, kill Ray's processes, remove their
    files."""
    # and never released: another thread that comes here waits for the end; a further signal, in
    # this one, does not
    _ending.acquire()
    os.write(
        2, why.encode()
    )  # first, because without its raylet Ray ends this process too, and says nothing that helps
    scratch.remove_all()
    os._exit(code)


def whole() -> bool:
    """Whether Ray's own processes, where we started them, are alive: if not, workers die too, and
    their trials are not to blame."""
    return all(_alive(process) for process in _vital)


@contextlib.contextmanager
def _watched(started: threading.Event) -> Iterator[None]:
    """End this process as soon as one of Ray's own is gone: without them nothing goes on, and Ray
    would not say so in a line."""
    over, since = threading.Event(), time.monotonic()
    deaths, tokens = select.poll(), contextlib.ExitStack()

    def watch() -> None:
        nonlocal since
        while not over.is_set():
            since = since if started.is_set() else time.monotonic()
            if (
                time.monotonic() - since < 10
            ):  # the raylet's own children take a moment longer to start
                for process, name in _find_vital():
                    if process not in _vital and hasattr(os, "pidfd_open"):
                        with contextlib.suppress(OSError):
                            token = os.pidfd_open(process.pid)
                            tokens.callback(os.close, token)
                            deaths.register(token, select.POLLIN)
                    _vital[process] = name
            for process, name in list(_vital.items()):
                if not _alive(process):
                    end_at_once(FAILED, f"error: Ray's process {name} died; {RECORDED}\n")
            deaths.poll(
                100
                # milliseconds; a death is told at once, before Ray has ended this process without a
                # word
            )

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        tokens.close()
        _vital.clear()


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _find_vital() -> Iterator[tuple[psutil.Process, str]]:
    """Ray's own processes, known by their names and parents: a worker, too, has the raylet's name
    for a moment, between fork and exec."""
    for process in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if process.name() in VITAL:
                yield process, process.name()
                for agent in process.children():
                    if agent.name() in AGENTS:
                        yield agent, agent.name()


_ending = threading.RLock()
_vital: dict[psutil.Process, str] = {}


def _stay_on_loopback() -> None:
    """Have Ray bind to 127.0.0.1, as it does on systems where it supports one node only; elsewhere
    it binds to every interface."""
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    from ray._private import ray_constants

    ray_constants.ENABLE_RAY_CLUSTER = False  # read from the environment when ray was imported


@dataclass(frozen=True)
class Node:
    """A computer with its cores and GPUs."""

    cpus: float
    gpus: float = 0

    def slots(self, cpus: float, gpus: float) -> int:
        """Trials of this size that it takes side by side.

        A share of a GPU is one card's: of 0.4 two go on each, not five on two.
        """
        cores = math.floor(self.cpus / cpus + 1e-9)
        return min(cores, int(self.gpus) * math.floor(1 / gpus + 1e-9)) if gpus else cores


@dataclass(frozen=True)
class Machine:
    """What there is to run trials on, node by node: no trial is divided among nodes."""

    nodes: tuple[Node, ...]

    @property
    def gpus(self) -> float:
        """Of all nodes."""
        return sum(node.gpus for node in self.nodes)


def this_machine() -> Machine:
    """What a cluster that is started here will have."""
    import torch  # takes seconds, in which Ray can start
    from ray._private.utils import (
        get_num_cpus,
    )  # as Ray counts: a container may have fewer cores than its machine

    return Machine((Node(get_num_cpus(), torch.cuda.device_count()),))


def connected() -> Machine:
    """What the cluster that is connected has."""
    found = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return Machine(tuple(Node(has.get("CPU", 0), has.get("GPU", 0)) for has in found))


def resources(have: Machine, cpus: float, gpus: float, max_concurrent: int | None) -> Resources:
    """Slots for trials of this size.

    Raises ValueError where not even one fits: Ray would wait for a node that takes it.
    """
    if gpus > 1:
        raise ValueError(
            f"gpus_per_trial is at most 1, because a trial trains on one GPU; got {gpus:g}"
        )
    if gpus > have.gpus:
        raise ValueError(f"gpus_per_trial is 0 where there is no GPU; got {gpus:g}")
    slots = sum(node.slots(cpus, gpus) for node in have.nodes)
    if slots == 0:
        most = max((node.cpus for node in have.nodes if node.gpus or not gpus), default=0)
        where = "the largest node with a GPU" if gpus else "the largest node"
        raise ValueError(f"cpus_per_trial is at most {most:g}, the cores of {where}; got {cpus:g}")
    return Resources(cpus, gpus, min(slots, max_concurrent or slots))
