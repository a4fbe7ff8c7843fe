"""The sides of the comparison with Hugging Face, each by its own means: the same learning rates
with the same everything else."""

import math
import os
import random
import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from search.spec import SearchSpec
from tests.benchmarks import process, trials
from tests.benchmarks.hf_plan import HfSearch
from tests.benchmarks.process import Ran
from tests.benchmarks.regimen_search import enqueue
from tests.benchmarks.trials import Trials

REGIMEN = "regimen"
SIDES = ("hf-fp32", "hf-bf16", "hf-bf16-reuse", REGIMEN)
FIXED: Mapping[str, Any] = {
    "dropout": 0.1,
    "head_width": None,
    "optimizer": "adamw",
    "weight_decay": 0.01,
    "schedule": "linear",
    "min_learning_rate": 0.0,
    "max_grad_norm": 1.0,
}
RATES = (5e-5, 5e-4)
"""Between these lies the list of learning rates."""


@dataclass(frozen=True)
class Task:
    """What a side has to do in its turn."""

    data: Path
    model: str
    labels: int
    rates: list[float]
    epochs: int
    batch_size: int
    seed: int
    sampling: Any


@dataclass(frozen=True)
class Share:
    """Trials at a time, and threads of each."""

    slots: int
    threads: int

    def __str__(self) -> str:
        return (
            f"{self.slots} at a time, {self.threads} thread{'s' if self.threads > 1 else ''} each"
        )


def turn(name: str, task: Task, share: Share, folder: Path) -> tuple[Ran, Trials]:
    """Run a side.

    Raises RuntimeError, OSError or ValueError where it fails or leaves out a trial.
    """
    folder.mkdir()
    if name == REGIMEN:
        spec = regimen_spec(task, share, folder)
        ran = process.run(
            "search.run",
            enqueue(spec, [{"learning_rate": r, "head_learning_rate": r} for r in task.rates]),
            folder / "log",
        )
        found = trials.of_study(spec.folder)
    else:
        plan = hf_plan(name, task, share, folder)
        (folder / "plan.json").write_text(plan.to_json(), encoding="utf-8")
        ran = process.run("tests.benchmarks.hf_search", [str(folder / "plan.json")], folder / "log")
        found = trials.of_events(Path(plan.events))
    if len(found.complete) != len(task.rates):
        raise RuntimeError(f"{len(found.complete)} of {len(task.rates)} trials came to their end")
    return ran, found


def regimen_spec(task: Task, share: Share, folder: Path) -> SearchSpec:
    """Regimen's search: nothing is stopped, nothing confirmed."""
    return SearchSpec(
        regime="baseline",
        trials=len(task.rates),
        data=str(task.data),
        model=task.model,
        epochs=task.epochs,
        seed=task.seed,
        name="benchmark",
        sampler="random",
        scheduler="none",
        confirm_top=0,
        gpus_per_trial=0.0,
        cpus_per_trial=float(share.threads),
        max_concurrent=share.slots,
        fix={**FIXED, "batch_size": task.batch_size},
        results=str(folder / "results"),
    )


def hf_plan(name: str, task: Task, share: Share, folder: Path) -> HfSearch:
    """Hugging Face's search."""
    return HfSearch(
        data=str(task.data),
        model=task.model,
        events=str(folder / "events.jsonl"),
        labels=task.labels,
        epochs=task.epochs,
        seed=task.seed,
        bf16="bf16" in name,
        slots=share.slots,
        threads=share.threads,
        fix={**FIXED, "batch_size": task.batch_size},
        rates=task.rates,
        sampling=task.sampling,
        reuse=name.endswith("reuse"),
    )


def rates(count: int, seed: int) -> list[float]:
    """`count` learning rates in equal factors over `RATES`, in an order that the seed decides."""
    low, high = map(math.log, RATES)
    found = [
        float(f"{math.exp(low + (high - low) * (place + 0.5) / count):.4g}")
        for place in range(count)
    ]
    random.Random(seed).shuffle(found)
    return found


def probe(name: str, task: Task, folder: Path) -> tuple[Share, list[dict[str, Any]]]:
    """The better of a one-thread trial on each core and one trial on all of them, and what both
    did, in epochs a minute while trials train.

    Where neither could be measured it is the first.
    """
    cores = os.cpu_count() or 1
    found: list[dict[str, Any]] = []
    for share in dict.fromkeys((Share(cores, 1), Share(1, cores))):
        one: dict[str, Any] = asdict(share)
        try:
            _, search = turn(name, task, share, folder / f"probe-{name}-{share.slots}")
            seconds = statistics.mean(
                seconds for trial in search.complete for seconds in trial.seconds
            )
            one["epochs_a_minute"] = 60 * share.slots / seconds
        except (OSError, RuntimeError, ValueError) as error:
            one["error"] = str(error)
        found.append(one)
    best = max(found, key=lambda one: one.get("epochs_a_minute", 0.0))
    return Share(best["slots"], best["threads"]), found
