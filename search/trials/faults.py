"""Why a worker ended before its work: its node died, the set-up failed, or it crashed."""

import enum
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import ray
from ray import exceptions

from search.cluster.preflight import import_failure
from search.cluster.watchdog import is_ours
from search.trials.worker import failure_reason

MAX_NODE_LOSSES = 20
"""How many nodes a trial or run may lose; each time it is queued again."""
MAX_PROCESS_LOSSES = 1
"""Likewise how many processes that die on a living node."""
VERDICT_SECONDS = 40.0
"""How long Ray may take to find out that a node is dead."""
POLL_SECONDS = 0.5


class Fault(enum.Enum):
    """Why a worker ended early."""

    SETUP = "no worker can be started, here or elsewhere"
    NODE = "its node died, or cannot be reached"
    PROCESS = "its process died on a living node: killed, or out of memory"
    WORK = "the work itself raised an error"


@dataclass(frozen=True)
class Losses:
    """How many workers a trial or run has lost, and so whether it is tried again.

    Once more where its process died on a living node; a node that dies is not its fault.
    """

    processes: int = 0
    nodes: int = 0

    def after(self, fault: Fault | None) -> "Losses":
        """With one more worker lost for this reason; None: it was not lost."""
        if fault == Fault.PROCESS:
            return replace(self, processes=self.processes + 1)
        return replace(self, nodes=self.nodes + 1) if fault == Fault.NODE else self

    def too_many(self, last_words: str | None = None) -> str | None:
        """Why it is not tried again, if it is not. `last_words`: what its worker said."""
        if self.processes > MAX_PROCESS_LOSSES:
            return last_words or "its worker died twice: killed, or out of memory"
        if self.nodes > MAX_NODE_LOSSES:
            return f"it lost {self.nodes} nodes that died"
        return None


def fault_of_trial(error: BaseException | None) -> Fault:
    """Why a trial's actor ended. Without a worker's error, its process is at fault."""
    if _is_setup(error):
        return Fault.SETUP
    if isinstance(error, exceptions.ActorUnavailableError) or "node has died" in str(error):
        return Fault.NODE
    return Fault.PROCESS


def fault_of_run(error: BaseException, nodes: frozenset[str], check: Callable[[], None]) -> Fault:
    """Why a task failed that began while these nodes were alive.

    Ray says that the process crashed also where its node was killed, and finds that out later.
    """
    if _is_setup(error):
        return Fault.SETUP
    cause = getattr(error, "cause", None)
    if any(
        isinstance(known, exceptions.NodeDiedError | exceptions.ObjectLostError)
        for known in (error, cause)
    ):
        return Fault.NODE
    if not isinstance(error, exceptions.WorkerCrashedError | exceptions.OutOfMemoryError):
        return Fault.WORK
    deadline = time.monotonic() + (0.0 if is_ours() or len(nodes) < 2 else VERDICT_SECONDS)
    while nodes <= living_nodes():
        if time.monotonic() >= deadline:
            return Fault.PROCESS
        time.sleep(POLL_SECONDS)
        check()
    return Fault.NODE


def living_nodes() -> frozenset[str]:
    """The ids of the nodes that Ray takes for alive."""
    return frozenset(node["NodeID"] for node in ray.nodes() if node["Alive"])


def setup_failure(error: BaseException) -> OSError:
    """Why no worker can be started, in one line."""
    return OSError(f"a worker cannot be started: {import_failure(error) or failure_reason(error)}")


def _is_setup(error: BaseException | None) -> bool:
    kinds = (
        exceptions.RuntimeEnvSetupError,
        exceptions.ActorUnschedulableError,
        exceptions.TaskUnschedulableError,
    )
    return (
        isinstance(error, kinds)
        or getattr(error, "actor_init_failed", False)
        or (isinstance(error, exceptions.RayTaskError) and import_failure(error) is not None)
    )
