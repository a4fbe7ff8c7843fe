"""CPU time and memory of a run, measured in its worker at each epoch. Not part of the curve."""

import contextlib
import time

import psutil
import torch

from search.worker_reports import (
    CPU_PERCENT,
    ENDED_AT,
    GPU_MEMORY_MB,
    GPU_PERCENT,
    MEMORY_MB,
    STARTED_AT,
)


class Meter:
    """Measures this process between two reads. `run_started`: seconds since 1970."""

    def __init__(self, device: str, run_started: float) -> None:
        self.process, self.cuda, self.run_started = psutil.Process(), device == "cuda", run_started
        self._reset()

    def _reset(self) -> None:
        # psutil's CPU times have a resolution of 0.01 s, too coarse for short epochs.
        self.wall, self.cpu = time.perf_counter(), time.process_time()
        if self.cuda:
            torch.cuda.reset_peak_memory_stats()

    def read(self) -> dict[str, float]:
        """The metrics that this machine can measure, and the times, by the names of
        `search.worker_reports`."""
        busy = (time.process_time() - self.cpu) / (time.perf_counter() - self.wall)
        metrics = {CPU_PERCENT: 100 * busy, MEMORY_MB: self.process.memory_info().rss / 1e6}
        if self.cuda:
            metrics[GPU_MEMORY_MB] = torch.cuda.max_memory_allocated() / 1e6
            # NVML may be missing or refuse to answer; each case has an exception of its own.
            with contextlib.suppress(Exception):
                metrics[GPU_PERCENT] = torch.cuda.utilization()
        self._reset()
        times = {STARTED_AT: round(self.run_started, 3), ENDED_AT: round(time.time(), 3)}
        return {name: round(value, 1) for name, value in metrics.items()} | times
