"""Trains one trial as a search does, for a window of time.

A regime's own `train` runs on sentences that report when a step takes them.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

import trainables
from tests.benchmarks.gpu.job import JobContext
from tests.benchmarks.gpu.sentences import INTENTS, sentences
from tests.benchmarks.gpu.timer import MeasurementOver, Run, TrialTimer
from tests.benchmarks.work import Shape
from trainables.parts.data.tokens import Batch, Data, Tokens

LOSSES = {"cross-entropy": "baseline", "supcon": "supcon", "simclr": "simclr"}
"""The regime whose first stage minimises the loss."""
FASTEST = 1e-3
"""Seconds of the shortest step that is reckoned with: one epoch has to outlast the window, because
validation is not timed."""


@dataclass(frozen=True, kw_only=True)
class Watched(Tokens):
    """Sentences that report when a training step takes a mini-batch of them."""

    known: np.ndarray
    begin_step: Callable[[np.ndarray], None]

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each sentence, (N,); known already, since a benchmark's epoch is far longer
        than a search's."""
        return self.known

    def take(self, rows: np.ndarray) -> Batch:
        self.begin_step(self.known[rows])
        return super().take(rows)


@dataclass(frozen=True)
class Trial:
    """What is trained, and for how long."""

    loss: str
    batch_size: int
    seed: int
    seconds: float
    profiled: bool = False

    def run(self, context: JobContext) -> Run:
        """Train until the window is over."""
        warnings.simplefilter("ignore")  # of operators that have no deterministic form
        timer = TrialTimer(context.device, context.release, self.seconds, profiled=self.profiled)
        cuda = context.device == "cuda"
        if cuda:
            torch.cuda.reset_peak_memory_stats()
        short = _times_short(context.device)
        encoder = context.pretrained.build(context.precision, context.device)
        regime = trainables.load(LOSSES[self.loss])
        config = regime.Config.from_dict({"batch_size": self.batch_size, "learning_rate": 1e-5})
        try:
            for _ in regime.train(config, self._data(timer), encoder, epochs=1, seed=self.seed):
                raise RuntimeError("the epoch ended before the window did; use fewer --seconds")
        except MeasurementOver:
            free, total = torch.cuda.mem_get_info() if cuda else (0, 0)
        peak = torch.cuda.max_memory_allocated() if cuda else 0
        steps = timer.steps(Shape.of(encoder.transformer.config))
        return Run(steps, peak, total - free, _times_short(context.device) - short, timer.profile)

    def _data(self, timer: TrialTimer) -> Data:
        plain = sentences(round(self.batch_size * (self.seconds + 5) / FASTEST), self.seed)
        arrays = (plain.ids, plain.offsets, plain.labels, plain.pad)
        train = Watched(*arrays, known=plain.lengths, begin_step=timer.begin_step)
        return Data(train, sentences(16, self.seed), tuple(map(str, range(INTENTS))))


def _times_short(device: str) -> int:
    """How often the GPU's memory was too small so far."""
    return int(torch.cuda.memory_stats().get("num_ooms", 0)) if device == "cuda" else 0
