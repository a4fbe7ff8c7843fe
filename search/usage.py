"""What a run takes of its machine, measured in its worker from epoch to epoch. It stands beside the epoch, and is no part of the curve."""

import contextlib
import time

import psutil
import torch

CPU = "system/process_cpu_utilization_percentage"
"""Processor time of the worker's process, all its threads, in percent of the time since the reading before: 100 is one core."""
MEMORY = "system/process_memory_usage_megabytes"
"""Its resident memory at the epoch's end, in 10^6 bytes, as MLflow counts; what workers share counts for each."""
GPU_MEMORY = "system/process_gpu_memory_usage_megabytes"
"""The most that its tensors took of the card since the reading before, in 10^6 bytes."""
GPU = "system/gpu_utilization_percentage"
"""How much of the last second, or less, the card computed, for all its trials. NVML tells it, where nvidia-ml-py is installed."""
USAGE = (CPU, MEMORY, GPU_MEMORY, GPU)
"""Their names in every record. What begins with `system/` MLflow shows as system metrics; its own names are the whole machine's."""


class Meter:
    """Reads what this process took since it was made, or read."""

    def __init__(self, device: str) -> None:
        self.process, self.cuda = psutil.Process(), device == "cuda"
        self._begin()

    def _begin(self) -> None:
        self.began, self.spent = time.perf_counter(), time.process_time()  # psutil's own counts hundredths, too coarse for short epochs
        if self.cuda:
            torch.cuda.reset_peak_memory_stats()

    def read(self) -> dict[str, float]:
        """The figures that this machine has, under names of `USAGE`."""
        busy = (time.process_time() - self.spent) / (time.perf_counter() - self.began)
        found = {CPU: 100 * busy, MEMORY: self.process.memory_info().rss / 1e6}
        if self.cuda:
            found[GPU_MEMORY] = torch.cuda.max_memory_allocated() / 1e6
            with contextlib.suppress(Exception):  # without NVML, or where the card does not tell: each has errors of its own
                found[GPU] = torch.cuda.utilization()
        self._begin()
        return {name: round(value, 1) for name, value in found.items()}
