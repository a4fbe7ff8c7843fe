"""A regime that trains nothing: it sleeps, reports, and writes down when it did what."""

import json
import os
import time
from collections.abc import Generator
from typing import Any

from trainables.llrd_warmup import Config
from trainables.parts.data.tokens import Data
from trainables.parts.model.encoder import Encoder
from trainables.parts.model.pretrained import Pretrained
from trainables.parts.training.epoch_metrics import Epoch

__all__ = ["EPOCHS", "Config", "train"]

EPOCHS = 3
UNKNOWN: dict[str, Any] = {
    "train_loss": None,
    "train_accuracy": None,
    "validation_loss": None,
    "learning_rate": 0.0,
    "steps": 0,
}

_build, _building = Pretrained.build, [0.0]


def _timed(self: Pretrained, *args: Any, **kwargs: Any) -> Encoder:
    began = time.monotonic()
    encoder = _build(self, *args, **kwargs)
    _building[0] = time.monotonic() - began
    return encoder


Pretrained.build = _timed  # type: ignore[method-assign]


def train(
    config: Config, data: Data, encoder: Encoder, *, epochs: int, seed: int
) -> Generator[Epoch, None, None]:
    """Yield epochs of sleep.

    Every trial is better than all before it, so that none is stopped and all take equally long.

    A trial leaves one line: its process, seconds that building its model took, when it began and
    ended, how long each report took to be answered, and the processor seconds that its process has
    had.
    """
    seconds = float(os.environ["OVERHEAD_SECONDS"]) / epochs
    began, reports = time.monotonic(), []
    try:
        for number in range(1, epochs + 1):
            time.sleep(seconds)
            accuracy = time.time() / 1e10
            told = time.monotonic()
            yield Epoch(
                epoch=number,
                stage="untuned",
                validation_accuracy=accuracy,
                best_validation_accuracy=accuracy,
                seconds=seconds,
                **UNKNOWN,
            )
            reports.append(time.monotonic() - told)
    finally:
        line = {
            "pid": os.getpid(),
            "building": _building[0],
            "began": began,
            "ended": time.monotonic(),
            "reports": reports,
        }
        with open(os.environ["OVERHEAD_WORKERS"], "a") as file:
            file.write(json.dumps({**line, "cpu": time.process_time()}) + "\n")
