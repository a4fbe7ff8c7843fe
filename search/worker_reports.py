"""What a worker reports to the driver beside an `Epoch`: how a run ended, and what it used.

Workers import this file and nothing else of the driver, so it imports nothing.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

RUN_FINISHED, RUN_FAILED, WORKER_LOST = "finished", "failed", "worker_lost"
"""Keys of a trial's or run's last report: it finished its budget (with the predictions of a choice
or report run); the reason why it failed; the reason why its worker cannot be used again."""

CPU_PERCENT = "system/process_cpu_utilization_percentage"
"""CPU time of the worker process, all threads, in percent of the wall time since the last report:
100 is one core."""
MEMORY_MB = "system/process_memory_usage_megabytes"
"""Its resident memory at the end of the epoch, in 10^6 bytes, as MLflow counts. Shared memory
counts for each process."""
GPU_MEMORY_MB = "system/process_gpu_memory_usage_megabytes"
"""Peak memory of its tensors on the GPU since the last report, in 10^6 bytes."""
GPU_PERCENT = "system/gpu_utilization_percentage"
"""Utilisation of the whole GPU, over all trials on it. Needs nvidia-ml-py."""
SYSTEM_METRICS = (CPU_PERCENT, MEMORY_MB, GPU_MEMORY_MB, GPU_PERCENT)
"""MLflow shows names that begin with `system/` as system metrics. Its own are of the whole
machine."""

STARTED_AT, ENDED_AT = "began", "ended"
"""When the run started in its worker, before its model was built, and when the epoch ended, in
seconds since 1970 by the worker's clock. Epochs of early versions have neither."""
BESIDE_EPOCH = (*SYSTEM_METRICS, STARTED_AT, ENDED_AT)
"""Everything that may stand beside the fields of an `Epoch`."""


def epoch_ends(epochs: Sequence[Mapping[str, Any]], started: float) -> list[float]:
    """When each epoch of a run ended, in seconds since 1970.

    Where that was not recorded: as if the run had begun at `started` and only trained.
    """
    elapsed = accumulate(epoch["seconds"] for epoch in epochs)
    return [epoch.get(ENDED_AT, started + seconds) for epoch, seconds in zip(epochs, elapsed)]


def run_seconds(epochs: Sequence[Mapping[str, Any]]) -> float:
    """Wall time of a run in seconds, from its start in a worker to the end of its last epoch.

    An interrupted run has several attempts. Each counts up to the last epoch that it added; the
    time between attempts does not count. Where times were not recorded, or the clock was set back
    between them, the epochs' own seconds count.
    """
    attempts: dict[float | None, list[Mapping[str, Any]]] = {}
    for epoch in epochs:
        attempts.setdefault(epoch.get(STARTED_AT), []).append(epoch)
    total = 0.0
    for started, own in attempts.items():
        timed = 0.0 if started is None else own[-1][ENDED_AT] - started
        total += max(timed, sum(epoch["seconds"] for epoch in own))
    return total
