"""A Ray cluster for the length of a command: quiet, on loopback, and gone afterwards; or the user's own."""

import contextlib
import logging
import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import ray


@dataclass(frozen=True)
class Resources:
    """What one trial takes, and how many run side by side."""

    cpus: float
    gpus: float
    slots: int

    @property
    def threads(self) -> int:
        """Threads of a trial's matrix products. Sums depend on it, so every run of a configuration uses the same."""
        return max(1, int(self.cpus))

    @property
    def device(self) -> str:
        """Where a trial trains."""
        return "cuda" if self.gpus > 0 else "cpu"


@contextlib.contextmanager
def cluster(address: str | None = None) -> Iterator[None]:
    """Connect to the cluster at `address`, or start one on this machine and remove it, with its files, at the end."""
    own = None if address else tempfile.mkdtemp(prefix="regimen-")
    try:
        ray.init(
            address=address or "local",
            include_dashboard=None if address else False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            _temp_dir=own,
        )
        for name in ("ray", "ray.tune", "ray.data", "ray.train"):
            logging.getLogger(name).setLevel(logging.ERROR)
        yield
    except ConnectionError as error:
        raise ValueError(f"no Ray cluster answers at '{address}': {str(error).splitlines()[0]}") from error
    finally:
        ray.shutdown()
        if own:
            shutil.rmtree(Path(own), ignore_errors=True)


def resources(cpus: float, gpus: float, max_concurrent: int | None) -> Resources:
    """Slots for trials of this size. Raises ValueError where not even one fits."""
    have = ray.cluster_resources()
    have_cpus, have_gpus = have.get("CPU", 0), have.get("GPU", 0)
    if gpus > have_gpus:
        raise ValueError(f"gpus_per_trial is at most {have_gpus:g}, the GPUs that are here; got {gpus:g}")
    if cpus > have_cpus:
        raise ValueError(f"cpus_per_trial is at most {have_cpus:g}, the cores that are here; got {cpus:g}")
    slots = math.floor(have_cpus / cpus + 1e-9)
    if gpus:
        slots = min(slots, math.floor(have_gpus / gpus + 1e-9))
    return Resources(cpus, gpus, min(slots, max_concurrent or slots))


def has_gpu() -> bool:
    """Whether the cluster has a GPU."""
    return bool(ray.cluster_resources().get("GPU", 0) > 0)
