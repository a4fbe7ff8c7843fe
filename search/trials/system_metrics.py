"""What a run takes of its machine, measured in its worker from epoch to epoch.

It stands beside the epoch, and is no part of the curve.
"""

import contextlib
import time
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import psutil
import torch

CPU = "system/process_cpu_utilization_percentage"
"""Processor time of the worker's process, all its threads, in percent of the time since the reading
before: 100 is one core."""
MEMORY = "system/process_memory_usage_megabytes"
"""Its resident memory at the epoch's end, in 10^6 bytes, as MLflow counts; what workers share
counts for each."""
GPU_MEMORY = "system/process_gpu_memory_usage_megabytes"
"""The most that its tensors took of the card since the reading before, in 10^6 bytes."""
GPU = "system/gpu_utilization_percentage"
"""How much of the last second, or less, the card computed, for all its trials. NVML tells it, where
nvidia-ml-py is installed."""
USAGE = (CPU, MEMORY, GPU_MEMORY, GPU)
"""Their names in every record. What begins with `system/` MLflow shows as system metrics; its own
names are the whole machine's."""
BEGAN, ENDED = "began", "ended"
"""When the run began in its worker, before its model was built, and when the epoch ended: seconds
since 1970, by the worker's clock. Epochs of earlier versions have neither."""
BESIDE = (*USAGE, BEGAN, ENDED)
"""All that may stand beside an epoch's own fields."""


class Meter:
    """Reads what this process took since it was made, or read, in a run that began at `began`."""

    def __init__(self, device: str, began: float) -> None:
        self.process, self.cuda, self.run = psutil.Process(), device == "cuda", began
        self._begin()

    def _begin(self) -> None:
        self.began, self.spent = (
            time.perf_counter(),
            time.process_time(),
        )  # psutil's own counts hundredths, too coarse for short epochs
        if self.cuda:
            torch.cuda.reset_peak_memory_stats()

    def read(self) -> dict[str, float]:
        """The figures that this machine has, and the times, under names of `BESIDE`."""
        busy = (time.process_time() - self.spent) / (time.perf_counter() - self.began)
        found = {CPU: 100 * busy, MEMORY: self.process.memory_info().rss / 1e6}
        if self.cuda:
            found[GPU_MEMORY] = torch.cuda.max_memory_allocated() / 1e6
            with contextlib.suppress(
                Exception
            ):  # without NVML, or where the card does not tell: each has errors of its own
                found[GPU] = torch.cuda.utilization()
        self._begin()
        return {name: round(value, 1) for name, value in found.items()} | {
            BEGAN: round(self.run, 3),
            ENDED: round(time.time(), 3),
        }


def ends(epochs: Sequence[Mapping[str, Any]], began: float) -> list[float]:
    """When each epoch of a run ended; where that is not recorded, as if the run had begun at
    `began` and done nothing but its epochs."""
    return [
        epoch.get(ENDED, began + gone)
        for epoch, gone in zip(epochs, accumulate(epoch["seconds"] for epoch in epochs))
    ]


def spent(epochs: Sequence[Mapping[str, Any]]) -> float:
    """Seconds that a run took, from its begin in a worker to its last epoch's end.

    A run that was interrupted has begun more than once: each attempt counts up to the last epoch
    that it added, and the time between attempts does not. Where times are not recorded, an epoch's
    own seconds count.
    """
    attempts = {epoch[BEGAN]: epoch[ENDED] for epoch in epochs if ENDED in epoch}
    return sum(ended - began for began, ended in attempts.items()) + sum(
        epoch["seconds"] for epoch in epochs if ENDED not in epoch
    )
