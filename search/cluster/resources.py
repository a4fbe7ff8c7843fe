"""What the cluster offers to trials, and how many trials run side by side."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from trainables.parts.quote import quoted

TYPE = "accelerator_type:"
"""How Ray's resource begins whose name ends in the type of a node's GPUs."""


@dataclass(frozen=True)
class Resources:
    """What one trial takes, and how many trials run side by side."""

    cpus: float
    gpus: float
    """Fraction of one GPU."""
    slots: int
    follows: bool = False
    """Whether the slots follow a cluster that grows and shrinks."""
    shared: bool = False
    """Whether other jobs may want the same cores."""
    accelerator: str | None = None
    """The type of the GPUs as Ray names it; None: any."""

    @property
    def threads(self) -> int:
        """Threads of a trial's matrix products.

        Floating-point sums depend on the number, so every run of a configuration uses the same.
        """
        return max(1, int(self.cpus))

    @property
    def device(self) -> str:
        """The torch device of a trial."""
        return "cuda" if self.gpus > 0 else "cpu"


@dataclass(frozen=True)
class Node:
    """A computer with its cores and GPUs."""

    cpus: float
    gpus: float = 0

    @classmethod
    def of(cls, node: Mapping[str, Any], accelerator: str | None = None) -> Self:
        """A node as Ray lists it; without its GPUs if they are not of the type `accelerator`."""
        total = node["Resources"]
        counts = accelerator is None or TYPE + accelerator in total
        return cls(total.get("CPU", 0), total.get("GPU", 0) if counts else 0)

    def slots(self, cpus: float, gpus: float) -> int:
        """How many trials of this size run on it at once.

        Each trial uses a fraction of a single GPU: with 0.4, two fit on each card, so four and not
        five on two cards.
        """
        by_cpu = math.floor(self.cpus / cpus + 1e-9)
        return min(by_cpu, int(self.gpus) * math.floor(1 / gpus + 1e-9)) if gpus else by_cpu


@dataclass(frozen=True)
class Machine:
    """The nodes of a cluster. A trial runs on one of them, never across two."""

    nodes: tuple[Node, ...]

    @property
    def cpus(self) -> float:
        """CPU cores of all nodes together."""
        return sum(node.cpus for node in self.nodes)

    @property
    def gpus(self) -> float:
        """GPUs of all nodes together."""
        return sum(node.gpus for node in self.nodes)


def this_machine() -> Machine:
    """What a cluster started on this machine will offer."""
    import torch  # Takes seconds to import, during which Ray can start.
    from ray._private.utils import get_num_cpus  # Respects a container's limit, as Ray does.

    return Machine((Node(get_num_cpus(), torch.cuda.device_count()),))


def connected(accelerator: str | None = None) -> Machine:
    """What the cluster that this process is connected to offers; GPUs of this type alone."""
    import ray  # Takes seconds to import.

    return Machine(tuple(Node.of(node, accelerator) for node in ray.nodes() if node["Alive"]))


def require_accelerator(accelerator: str) -> None:
    """Raise ValueError where the cluster has no GPU of this type."""
    import ray  # Takes seconds to import.

    names = {name for node in ray.nodes() if node["Alive"] for name in node["Resources"]}
    types = sorted(name.removeprefix(TYPE) for name in names if name.startswith(TYPE))
    if accelerator not in types:
        rule = f"one of {', '.join(types)}" if types else "left out where Ray knows no type of GPU"
        raise ValueError(f"accelerator_type must be {rule}; got {quoted(accelerator)}")


def slots(machine: Machine, cpus: float, gpus: float) -> int:
    """How many trials of this size run on it at once."""
    return sum(node.slots(cpus, gpus) for node in machine.nodes)


def resources(
    machine: Machine,
    cpus: float,
    gpus: float,
    max_concurrent: int | None,
    *,
    ours: bool = True,
    accelerator: str | None = None,
) -> Resources:
    """The resources of trials that take `cpus` cores and the fraction `gpus` of a GPU.

    On a cluster that is not `ours`, nodes come and go: `max_concurrent` trials are submitted even
    before nodes exist, and without it the slots follow the cluster. Raises ValueError where
    not even one trial fits: Ray would wait for a larger node forever.
    """
    if max_concurrent is not None and not ours:
        return Resources(cpus, gpus, max_concurrent, shared=True, accelerator=accelerator)
    more = "" if ours else "; --max-concurrent N submits N trials even before nodes exist"
    if gpus > machine.gpus:
        raise ValueError(f"gpus_per_trial must be 0 where there is no GPU; got {gpus:g}{more}")
    fit = slots(machine, cpus, gpus)
    if fit == 0:
        max_cpus = max((node.cpus for node in machine.nodes if node.gpus or not gpus), default=0)
        where = "the largest node with a GPU" if gpus else "the largest node"
        raise ValueError(
            f"cpus_per_trial must be at most {max_cpus:g}, the cores of {where}; got {cpus:g}{more}"
        )
    return Resources(cpus, gpus, min(fit, max_concurrent or fit), not ours, not ours, accelerator)
