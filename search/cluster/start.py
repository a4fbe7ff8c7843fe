"""A Ray cluster for the length of a command: a new local one, or the user's own."""

import contextlib
import logging
import os
import secrets
import signal
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import ray

from search.cluster import scratch
from search.cluster.address import no_connection, require_usable
from search.cluster.code import CODE, PACKAGES
from search.cluster.connection import watch_connection
from search.cluster.runtime_env import runtime_env
from search.cluster.watchdog import watch
from search.cluster.workers import PRELOADED, forget, preloading
from trainables.parts.quote import error_text

MAX_MISSED_HEARTBEATS = 1000
"""In effect no limit: a busy machine misses heartbeats; the watchdog notices real deaths."""


@contextlib.contextmanager
def cluster(
    address: str | None = None, workers: int = 0, environment: str | None = None
) -> Iterator[None]:
    """Connect to the cluster at `address`, or start a local one and remove it at the end.

    `workers`: how many worker processes will be needed at once. Ray starts one for each core; they
    import `PRELOADED` (some 300 MiB each) only where most of them are needed. A local cluster
    listens on loopback only. `environment`: a file with a runtime environment for the workers of
    the cluster at `address`. Raises ValueError where that is invalid or no cluster answers, OSError
    where none can be started.
    """
    with contextlib.ExitStack() as stack:
        folder, started, ships = None, threading.Event(), dict[str, Any]()
        address = None if address == "local" else address
        if address is not None:
            ships = runtime_env(environment)
            require_usable(address)
        elif environment is not None:
            raise ValueError(
                "--runtime-env needs --address or RAY_ADDRESS: a local cluster has the environment"
                " of this process"
            )
        else:
            folder = stack.enter_context(scratch.temporary_folder())
            # Without a token of our own, Ray writes one into the home folder.
            if "RAY_AUTH_TOKEN" not in os.environ:
                os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
                # A later search may join a cluster whose token is in a file.
                stack.callback(os.environ.pop, "RAY_AUTH_TOKEN", None)
            _stay_on_loopback()
        stack.callback(forget)
        stack.enter_context(_without_dumps())
        stack.callback(_shut_down)
        if folder:
            stack.enter_context(watch(started))
        with contextlib.ExitStack() as variables:
            if folder:
                variables.enter_context(scratch.marked(folder))
                if preloads(workers):
                    variables.enter_context(preloading(folder))
            _connect(address, folder, workers, ships)
        for name in ("ray", "ray.tune", "ray.data", "ray.train"):
            # A worker's death is recorded in the study, without Ray's traceback in the terminal.
            logging.getLogger(name).setLevel(logging.CRITICAL)
        started.set()
        if address is not None:
            stack.enter_context(watch_connection())
        yield


def _connect(
    address: str | None, folder: Path | None, workers: int, ships: Mapping[str, Any]
) -> None:
    """Call `ray.init` and turn whatever it raises into an error of one line."""
    before, setter = (
        signal.getsignal(signal.SIGTERM),
        ray._private.utils.set_sigterm_handler,
    )
    # Ray's handler of SIGTERM exits wherever the main thread happens to be. In a callback of fork
    # that is dropped, and leaves logging's lock held for ever; so ours stays while Ray starts.
    ray._private.utils.set_sigterm_handler = lambda handler: None
    try:
        with _import_folder(shipped="py_modules" in ships) as current, contextlib.chdir(current):
            ray.init(
                address=address or "local",
                runtime_env=dict(ships) or None,
                include_dashboard=False if folder else None,
                log_to_driver=False,
                logging_level=logging.ERROR,
                _temp_dir=str(folder) if folder else None,
                _system_config=_system_config(workers) if folder else None,
            )
    except SystemExit as exit:  # How Ray answers SIGTERM while it starts.
        raise KeyboardInterrupt from exit
    except Exception as error:  # Ray raises errors of its own, of Python's and of its libraries.
        if address:
            raise no_connection(address, error) from error
        raise OSError(f"Ray cannot be started: {error_text(error)}") from error
    finally:
        ray._private.utils.set_sigterm_handler = setter
        # Ray replaces the handler of SIGTERM. Python's default would be worse: no clean-up.
        if before != signal.SIG_DFL:
            signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _without_dumps() -> Iterator[None]:
    """Keep the ends of raylets' logs, in colour, out of standard output.

    Ray prints them where a node dies, also with `log_to_driver=False`.
    """
    module: Any = ray._private.worker
    prints = module.print_to_stdstream
    module.print_to_stdstream = lambda *_, **__: None
    try:
        yield
    finally:
        module.print_to_stdstream = prints


@contextlib.contextmanager
def _import_folder(*, shipped: bool) -> Iterator[Path]:
    """The folder for `ray.init`; an empty one where the code is shipped.

    There, another machine may have other code at the same path.
    """
    if not shipped:
        yield import_folder(Path.cwd())
    else:
        with tempfile.TemporaryDirectory(prefix="empty-") as empty:
            yield Path(empty)


def import_folder(current: Path) -> Path:
    """The folder from which Ray's workers import first: Ray takes the current one of `ray.init`.

    The current one, unless it has modules under our names that are not this code.
    """
    taken = any((current / name).exists() or (current / f"{name}.py").exists() for name in PACKAGES)
    return CODE if taken else current


def _shut_down() -> None:
    """Shut Ray down. Its C++ code resets SIGTERM to the default, so restore Python's handlers."""
    ray.shutdown()
    for number in (signal.SIGINT, signal.SIGTERM):
        if (handler := signal.getsignal(number)) is not None:
            signal.signal(number, handler)


def preloads(workers: int) -> bool:
    """Whether workers preload `PRELOADED`: only if most of those that Ray starts are needed."""
    return 2 * workers > (psutil.cpu_count() or 1)


def _system_config(workers: int) -> dict[str, Any]:
    """Ray's internal settings."""
    config: dict[str, Any] = {"health_check_failure_threshold": MAX_MISSED_HEARTBEATS}
    if preloads(workers):
        config["preload_python_modules"] = PRELOADED
    return config


def _stay_on_loopback() -> None:
    """Make Ray bind to 127.0.0.1, as it does on Windows and macOS, where it allows one node only.

    On Linux it would bind to every interface.
    """
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    from ray._private import ray_constants

    # The module read the variable when ray was imported.
    ray_constants.ENABLE_RAY_CLUSTER = False
