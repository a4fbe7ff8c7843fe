"""Times the steps of a trial: warm-up, waiting for the other trials, measurement, end.

Times are seconds on the machine's monotonic clock, which all processes share.
"""

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from tests.benchmarks.gpu.profiled import STEPS, Profile, profiled
from tests.benchmarks.work import Shape, training_flop

WARM_STEPS, WARM_SECONDS, MIN_WARM_STEPS = 40, 2.0, 5
"""The warm-up loads kernels and fills the allocator. It ends after WARM_STEPS, or when WARM_SECONDS
and MIN_WARM_STEPS are over."""


class MeasurementOver(Exception):
    """Raised inside a training to end it, when the measurement is over."""


@dataclass(frozen=True)
class Step:
    """A timed step and its work on real tokens; padding is not counted."""

    began: float
    ended: float
    sentences: int
    tokens: int
    flop: int


@dataclass(frozen=True)
class Run:
    """The measurement of a trial."""

    steps: list[Step]
    peak: int = 0
    """The most bytes that its tensors took on the GPU; 0 on a CPU."""
    card: int = 0
    """Bytes in use on the GPU at the end of the window, of all processes."""
    divided: int = 0
    """How often the mini-batch was divided for lack of memory."""
    profile: Profile | None = None


class Stopwatch:
    """Marks on the device's own time line.

    On a GPU they are CUDA events, so that the CPU need not wait.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        drain(device)
        self.began = time.monotonic()
        self.marks: list[Any] = []
        self.mark()

    def mark(self) -> None:
        """Mark the end of a step: when the device has done all that was submitted so far."""
        if self.device == "cuda":
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            self.marks.append(event)
        else:
            self.marks.append(time.monotonic())

    def times(self) -> list[float]:
        """When the device reached each mark."""
        if self.device != "cuda":
            return self.marks
        drain(self.device)
        first = self.marks[0]  # elapsed_time is in milliseconds
        return [self.began + first.elapsed_time(mark) / 1000 for mark in self.marks]


class TrialTimer:
    """Times the steps of a training that calls `begin_step` at the beginning of each.

    `begin_step` raises `MeasurementOver` after enough steps. `release` reports that the trial is
    warm, waits for the start of the window and returns its time. The window has `seconds`; steps
    that are profiled come after it.
    """

    def __init__(
        self, device: str, release: Callable[[], float], seconds: float, *, profiled: bool
    ) -> None:
        self.device = device
        self.release = release
        self.seconds = seconds
        self.profiled = profiled
        self.profile: Profile | None = None
        self._lengths: list[np.ndarray] = []
        self._watch: Stopwatch | None = None
        self._end = 0.0
        self._run = self._stages()
        next(self._run)

    def begin_step(self, lengths: np.ndarray) -> None:
        """Note that a step begins, on sentences of these lengths (B,)."""
        if not torch.is_grad_enabled():
            raise RuntimeError("the epoch ended before the window: this is not a training step")
        self._run.send(lengths)

    def steps(self, shape: Shape) -> list[Step]:
        """The steps in the window."""
        times = self._watch.times() if self._watch else []
        spans = zip(times, times[1:], self._lengths)
        return [
            _step(began, ended, lengths, shape)
            for began, ended, lengths in spans
            if ended <= self._end
        ]

    def _stages(self) -> Generator[None, np.ndarray, None]:
        """The stages of the measurement; each step begins at a `yield`."""
        lengths = yield
        began, done = time.monotonic(), 0
        while done < MIN_WARM_STEPS or (
            done < WARM_STEPS and time.monotonic() - began < WARM_SECONDS
        ):
            lengths = yield
            done += 1
        drain(self.device)
        self._end = self.release() + self.seconds
        self._watch = Stopwatch(self.device)
        while time.monotonic() < self._end:
            self._lengths.append(lengths)
            lengths = yield
            self._watch.mark()
        drain(self.device)
        if self.profiled:
            with profiled(self.device) as summary:
                for _ in range(STEPS):
                    yield
                drain(self.device)
            self.profile = summary()
        raise MeasurementOver


def _step(began: float, ended: float, lengths: Sequence[int] | np.ndarray, shape: Shape) -> Step:
    return Step(began, ended, len(lengths), int(sum(lengths)), training_flop(lengths, shape))


def drain(device: str) -> None:
    """Wait until the device has done all that was submitted."""
    if device == "cuda":
        torch.cuda.synchronize()
