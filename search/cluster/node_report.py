"""What a node offers to trials, as one of its workers sees it.

Workers import this file, so it imports nothing of the driver.
"""

import sys
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

import torch

from search.cluster.code import fingerprint
from trainables.parts.quote import error_text

LIBRARIES = ("torch", "ray", "transformers", "numpy")
"""Libraries that a trial's results, or the transfer of its data, depend on."""


@dataclass(frozen=True)
class Card:
    """A GPU as a worker's torch sees it."""

    name: str
    bf16: bool
    """Whether it multiplies bfloat16 in hardware. Older cards emulate it, slower than float32."""
    total: int
    """Its memory in bytes."""
    free: int
    """Bytes that no process uses, besides this worker's CUDA context."""


@dataclass(frozen=True)
class Software:
    """What must be the same on all nodes."""

    python: str
    libraries: dict[str, str]
    code: str
    """A hash of our packages."""


@dataclass(frozen=True)
class NodeReport:
    """What a worker reports of its node."""

    software: Software
    bf16: bool
    """Whether its processor multiplies bfloat16 in hardware."""
    card: Card | None
    no_card: str | None
    """Why torch cannot use the GPU."""


def report_node(module: str | None, *, gpu: bool) -> NodeReport:
    """A report on this node, after an import of the module that trials run."""
    if module is not None:
        import_module(module)
    card: Card | str | None = _card() if gpu else None
    return NodeReport(
        software() if module is not None else Software("", {}, ""),
        has_bf16(),
        card if isinstance(card, Card) else None,
        card if isinstance(card, str) else None,
    )


def has_bf16() -> bool:
    """Whether this machine's processor multiplies bfloat16 in hardware."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def software() -> Software:
    """The software of this process."""
    libraries = {}
    for name in LIBRARIES:
        try:
            # Builds of one version for other hardware differ behind the plus sign.
            libraries[name] = version(name).partition("+")[0]
        except PackageNotFoundError:
            continue
    return Software("{}.{}".format(*sys.version_info[:2]), libraries, fingerprint())


def _card() -> Card | str:
    """The GPU, or why torch cannot use it."""
    try:
        torch.cuda.init()
    except (RuntimeError, AssertionError) as error:
        return error_text(error)
    free, total = torch.cuda.mem_get_info()
    bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    return Card(torch.cuda.get_device_name(), bf16, total, free)
