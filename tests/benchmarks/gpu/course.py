"""A trial's course through a measurement: warm-up, wait for the others, be timed step by step, and
stop.

Times are seconds on the machine's monotonic clock, which all its processes share.
"""

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from tests.benchmarks.gpu.profiled import STEPS, Profile, profiled
from tests.benchmarks.work import Shape, training_flop

WARM_STEPS, WARM_SECONDS, LEAST = 40, 2.0, 5
"""The warm-up is over after so many steps, or after so many seconds and the least steps: it loads
kernels and fills the allocator."""


class Over(Exception):
    """The measurement is over: ends a training from inside."""


@dataclass(frozen=True)
class Step:
    """One step that was timed, and its work on real tokens; padding counts for nothing."""

    began: float
    ended: float
    sentences: int
    tokens: int
    flop: int


@dataclass(frozen=True)
class Run:
    """What a trial's measurement gave."""

    steps: list[Step]
    peak: int = 0
    """The most bytes that its tensors took on the card at once; 0 on a CPU."""
    card: int = 0
    """Bytes of the card in use at the end of the window, by whatever process."""
    divided: int = 0
    """How often memory was short and the mini-batch was divided."""
    profile: Profile | None = None


class Stopwatch:
    """Marks on the device's own time line.

    On a card they are events, so that nothing has to wait for it.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        drain(device)
        self.began = time.monotonic()
        self.marks: list[Any] = []
        self.mark()

    def mark(self) -> None:
        """Here ends a step, as soon as the device has done all that it was told so far."""
        if self.device == "cuda":
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            self.marks.append(event)
        else:
            self.marks.append(time.monotonic())

    def times(self) -> list[float]:
        """When the marks were reached, the first mark first."""
        if self.device != "cuda":
            return self.marks
        drain(self.device)
        return [
            self.began + self.marks[0].elapsed_time(mark) / 1000 for mark in self.marks
        ]  # elapsed_time is in milliseconds


class Course:
    """`begin_step` is called at the beginning of every step, and raises `Over` when enough of them
    were timed.

    `release` says that the trial is warm, and returns the time at which the window begins, once
    that has come. The steps that are timed lie in the window of `seconds`; those that are profiled
    come after it.
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
        """A step begins, on sentences of these lengths (B,)."""
        if not torch.is_grad_enabled():
            raise RuntimeError("the epoch ended before the window did: this is no training step")
        self._run.send(lengths)

    def steps(self, shape: Shape) -> list[Step]:
        """Those that lie in the window."""
        times = self._watch.times() if self._watch else []
        spans = zip(times, times[1:], self._lengths)
        return [
            _step(began, ended, lengths, shape)
            for began, ended, lengths in spans
            if ended <= self._end
        ]

    def _stages(self) -> Generator[None, np.ndarray, None]:
        """Goes on by one `yield` at the beginning of each step."""
        lengths = yield
        began, done = time.monotonic(), 0
        while done < WARM_STEPS and (done < LEAST or time.monotonic() - began < WARM_SECONDS):
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
            with profiled(self.device) as found:
                for _ in range(STEPS):
                    yield
                drain(self.device)
            self.profile = found()
        raise Over


def _step(began: float, ended: float, lengths: Sequence[int] | np.ndarray, shape: Shape) -> Step:
    return Step(began, ended, len(lengths), int(sum(lengths)), training_flop(lengths, shape))


def drain(device: str) -> None:
    """Wait until the device has done all that it was told."""
    if device == "cuda":
        torch.cuda.synchronize()
