"""From what workers and driver wrote down to what a trial costs beside training."""

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

WARM = 10
"""Trials that are left out at the beginning: workers start."""
NEAR = 20
"""Questions before a mark of which the median is taken."""


@dataclass(frozen=True)
class Slots:
    """What the workers' time went to; seconds."""

    workers: int
    trial: float
    """Wall time a trial, from the end of the first `WARM` to the end of the last."""
    dead: float
    """Of a slot's time, what a trial does not sleep, on average."""
    between: list[float]
    """From a trial's end to the beginning of the next one in its worker, without building the
    model."""
    building: list[float]
    reports: list[float]
    """All reports of a trial together, each until it is answered."""
    cpu: float
    """Processor seconds of its worker that a trial takes."""


def slots(trials: Sequence[Mapping[str, Any]], count: int, seconds: float) -> Slots:
    """Of `trials`, the lines that the workers wrote, on `count` slots; each slept for `seconds`."""
    ended = sorted(trial["ended"] for trial in trials)
    wall = (ended[-1] - ended[WARM - 1]) / (len(ended) - WARM)
    workers: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for trial in sorted(trials, key=lambda trial: trial["began"]):
        workers[trial["pid"]].append(trial)
    pairs = [pair for own in workers.values() for pair in pairwise(own)]
    return Slots(
        len(workers),
        wall,
        count * wall - seconds,
        [after["began"] - before["ended"] - after["building"] for before, after in pairs],
        [after["building"] for _, after in pairs],
        [sum(after["reports"]) for _, after in pairs],
        sum(after["cpu"] - before["cpu"] for before, after in pairs) / len(pairs),
    )


def marks(trials: int) -> list[int]:
    """Sizes at which growth is looked at: 10, 100, 1,000, ... and the last."""
    tens = [10**power for power in range(1, len(str(trials)))]
    return [*(mark for mark in tens if mark < trials), trials]


@dataclass(frozen=True)
class Size:
    """The driver when a search has so many trials; times are seconds a trial since the size
    before."""

    trials: int
    journal: int
    """Bytes."""
    rss: int
    """Bytes of the driver."""
    ask: float
    """Median of the last `NEAR` questions."""
    record: float
    mlflow: float
    """Processor seconds of the thread that logs."""
    driver: float
    """Processor seconds."""


def sizes(asked: Sequence[Mapping[str, Any]]) -> list[Size]:
    """The driver at each mark, from what it noted at each question."""
    rows, before = [], 1
    for mark in marks(len(asked)):
        first, last, span = asked[before - 1], asked[mark - 1], mark - before
        record, mlflow = (
            (last["parts"][part][index] - first["parts"][part][index]) / span
            for part, index in (("record a report", 1), ("MLflow", 2))
        )
        ask = statistics.median(one["took"] for one in asked[max(0, mark - NEAR) : mark])
        rows.append(
            Size(
                mark,
                last["journal"],
                last["rss"],
                ask,
                record,
                mlflow,
                (last["cpu"] - first["cpu"]) / span,
            )
        )
        before = mark
    return rows
