"""A process that measures: what it is told at its start, and how it serves one job after the
other."""

import gc
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import torch

from tests.benchmarks.gpu import sentences
from tests.benchmarks.gpu.course import Over
from trainables.parts.model.encoder import Precision
from trainables.parts.model.pretrained import Pretrained

READY = "ready"
Determinism = Literal["search", "unfilled", "strict", "none"]
"""search: as `search.trials.worker.begin` has it. unfilled: the same, but torch does not fill new
tensors before they are written. strict: that, and errors instead of warnings, which is also what
makes attention's backward deterministic. none: torch's own defaults."""


@dataclass(frozen=True)
class Setting:
    """What all jobs of a process have in common."""

    device: str
    precision: Precision
    layers: int
    width: int
    determinism: Determinism
    environment: dict[str, str] = field(default_factory=dict)
    """Variables that the process starts with: some are read as soon as anything looks for a
    card."""


@dataclass(frozen=True)
class Place:
    """Where a job runs.

    `release` says that it is ready, and returns the common beginning once that has come.
    """

    device: str
    precision: Precision
    pretrained: Pretrained
    release: Callable[[], float]


class Job(Protocol):
    """Something to measure in a process of its own."""

    def run(self, place: Place) -> Any: ...


@dataclass(frozen=True)
class Failed:
    """Why there is no figure."""

    reason: str


def serve(connection: Any, setting: Setting) -> None:
    """Run the jobs that come, and answer each with what it gave; None is the end.

    The process is set up as a search's workers are.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ^C is the program's to act on
    torch.set_num_threads(1)
    if setting.determinism != "none":
        torch.use_deterministic_algorithms(True, warn_only=setting.determinism != "strict")
        torch.utils.deterministic.fill_uninitialized_memory = setting.determinism == "search"  # type: ignore[attr-defined]
    pretrained = sentences.pretrained(sentences.bert(setting.layers, setting.width))

    def release() -> float:
        connection.send(READY)
        begin: float | None = connection.recv()
        if begin is None:
            raise Over
        time.sleep(max(0.0, begin - time.monotonic()))
        return begin

    while (job := connection.recv()) is not None:
        answer = _answer(job, Place(setting.device, setting.precision, pretrained, release))
        gc.collect()
        if setting.device == "cuda":
            torch.cuda.empty_cache()
        connection.send(answer)


def _answer(job: Job, place: Place) -> Any:
    try:
        if place.device == "cuda":
            torch.cuda.init()
        return job.run(place)
    except (MemoryError, torch.OutOfMemoryError) as error:
        return Failed(f"out of memory: {' '.join(str(error).split())[:120]}")
    except (
        Exception
    ) as error:  # whatever it is, it belongs into the row, and the next job may go well
        return Failed(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")
