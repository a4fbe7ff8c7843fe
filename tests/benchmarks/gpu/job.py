"""A measuring process: its settings, and how it runs one job after another."""

import gc
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import torch

from tests.benchmarks.gpu import sentences
from tests.benchmarks.gpu.timer import MeasurementOver
from trainables.parts.model.encoder import Precision
from trainables.parts.model.pretrained import Pretrained

READY = "ready"
Determinism = Literal["search", "unfilled", "strict", "none"]
"""search: as in `search.trials.job.begin`. unfilled: the same, but torch does not fill new
tensors before they are written. strict: also errors instead of warnings, which makes attention's
backward deterministic. none: torch's defaults."""


@dataclass(frozen=True)
class Setting:
    """What all jobs of a process share."""

    device: str
    precision: Precision
    layers: int
    width: int
    determinism: Determinism
    environment: dict[str, str] = field(default_factory=dict)
    """Variables set before the start: some are read when a library first looks for a GPU."""


@dataclass(frozen=True)
class JobContext:
    """What a job gets.

    `release` reports that it is ready, waits for the common start and returns its time.
    """

    device: str
    precision: Precision
    pretrained: Pretrained
    release: Callable[[], float]


class Job(Protocol):
    """Something to measure in a process of its own."""

    def run(self, context: JobContext) -> Any: ...


@dataclass(frozen=True)
class Failed:
    """Why there is no measurement."""

    reason: str


def serve(connection: Any, setting: Setting) -> None:
    """Run the received jobs and send the result of each; None ends the process.

    The process is set up like a search's workers.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process handles ^C
    torch.set_num_threads(1)
    if setting.determinism != "none":
        torch.use_deterministic_algorithms(True, warn_only=setting.determinism != "strict")
        fill = setting.determinism == "search"
        torch.utils.deterministic.fill_uninitialized_memory = fill  # type: ignore[attr-defined]
    pretrained = sentences.pretrained(sentences.bert(setting.layers, setting.width))

    def release() -> float:
        connection.send(READY)
        begin: float | None = connection.recv()
        if begin is None:
            raise MeasurementOver
        time.sleep(max(0.0, begin - time.monotonic()))
        return begin

    while (job := connection.recv()) is not None:
        answer = _answer(job, JobContext(setting.device, setting.precision, pretrained, release))
        gc.collect()
        if setting.device == "cuda":
            torch.cuda.empty_cache()
        connection.send(answer)


def _answer(job: Job, context: JobContext) -> Any:
    try:
        if context.device == "cuda":
            torch.cuda.init()
        return job.run(context)
    except (MemoryError, torch.OutOfMemoryError) as error:
        return Failed(f"out of memory: {' '.join(str(error).split())[:120]}")
    except Exception as error:  # it is part of the result, and the next job may succeed
        return Failed(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")
