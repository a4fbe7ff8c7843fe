"""The sides of the comparison with Hugging Face: the same learning rates, all else equal."""

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
"""The lowest and highest learning rate."""


@dataclass(frozen=True)
class Task:
    """What a side has to train."""

    data: Path
    model: str
    labels: int
    rates: list[float]
    epochs: int
    batch_size: int
    seed: int
    sampling: Any


@dataclass(frozen=True)
class Concurrency:
    """Concurrent trials, and threads of each."""

    slots: int
    threads: int

    def __str__(self) -> str:
        return (
            f"{self.slots} at a time, {self.threads} thread{'s' if self.threads > 1 else ''} each"
        )


def turn(name: str, task: Task, concurrency: Concurrency, folder: Path) -> tuple[Ran, Trials]:
    """Run a side. Raises RuntimeError, OSError or ValueError if it fails or a trial is missing."""
    folder.mkdir()
    if name == REGIMEN:
        spec = regimen_spec(task, concurrency, folder)
        ran = process.run(
            "search.run",
            enqueue(spec, [{"learning_rate": r, "head_learning_rate": r} for r in task.rates]),
            folder / "log",
        )
        ended = trials.of_study(spec.folder)
    else:
        plan = hf_plan(name, task, concurrency, folder)
        (folder / "plan.json").write_text(plan.to_json(), encoding="utf-8")
        ran = process.run("tests.benchmarks.hf_search", [str(folder / "plan.json")], folder / "log")
        ended = trials.of_events(Path(plan.events))
    if len(ended.complete) != len(task.rates):
        raise RuntimeError(f"{len(ended.complete)} of {len(task.rates)} trials completed")
    return ran, ended


def regimen_spec(task: Task, concurrency: Concurrency, folder: Path) -> SearchSpec:
    """Regimen's search, without pruning and runs on other seeds."""
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
        cpus_per_trial=float(concurrency.threads),
        max_concurrent=concurrency.slots,
        fix={**FIXED, "batch_size": task.batch_size},
        results=str(folder / "results"),
    )


def hf_plan(name: str, task: Task, concurrency: Concurrency, folder: Path) -> HfSearch:
    """Hugging Face's search."""
    return HfSearch(
        data=str(task.data),
        model=task.model,
        events=str(folder / "events.jsonl"),
        labels=task.labels,
        epochs=task.epochs,
        seed=task.seed,
        bf16="bf16" in name,
        slots=concurrency.slots,
        threads=concurrency.threads,
        fix={**FIXED, "batch_size": task.batch_size},
        rates=task.rates,
        sampling=task.sampling,
        reuse=name.endswith("reuse"),
    )


def rates(count: int, seed: int) -> list[float]:
    """`count` learning rates, spaced evenly on a log scale over `RATES`, shuffled by the seed."""
    low, high = map(math.log, RATES)
    values = [
        float(f"{math.exp(low + (high - low) * (index + 0.5) / count):.4g}")
        for index in range(count)
    ]
    random.Random(seed).shuffle(values)
    return values


def probe(name: str, task: Task, folder: Path) -> tuple[Concurrency, list[dict[str, Any]]]:
    """Choose between one single-threaded trial a core and one trial on all cores.

    Returns the faster one, or the first if neither could be measured, and both measurements in
    epochs a minute.
    """
    cores = os.cpu_count() or 1
    measured: list[dict[str, Any]] = []
    for concurrency in dict.fromkeys((Concurrency(cores, 1), Concurrency(1, cores))):
        row: dict[str, Any] = asdict(concurrency)
        try:
            work = folder / f"probe-{name}-{concurrency.slots}"
            _, search = turn(name, task, concurrency, work)
            seconds = [seconds for trial in search.complete for seconds in trial.seconds]
            row["epochs_a_minute"] = 60 * concurrency.slots / statistics.mean(seconds)
        except (OSError, RuntimeError, ValueError) as error:
            row["error"] = str(error)
        measured.append(row)
    best = max(measured, key=lambda row: row.get("epochs_a_minute", 0.0))
    return Concurrency(best["slots"], best["threads"]), measured
