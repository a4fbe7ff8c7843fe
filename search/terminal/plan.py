"""What a search is going to do, printed before it begins."""

from collections.abc import Mapping
from typing import Any

import psutil
from rich.console import Console

from analysis.text import duration
from search.cluster.resources import Resources
from search.planning.estimate import Estimate, Measurement, estimate, warnings
from search.reports import ENDED_AT, STARTED_AT
from search.spec import SearchSpec
from search.study.pruners import PRUNABLE_FRACTION
from search.terminal.console import print_line
from search.terminal.text import counted, difference, gibibytes, per_trial, roughly


def print_plan(console: Console, spec: SearchSpec, resources: Resources, precision: str) -> None:
    """Print what runs, how much of it, and on what."""
    reruns = "no runs on other seeds"
    if spec.confirm_top:
        reruns = (
            f"best {spec.confirm_top} rerun on {counted(spec.confirm_seeds, 'seed')}, the winner on"
            f" {spec.report_seeds} more"
        )
    budget = f", at most {duration(spec.time_budget)}" if spec.time_budget else ""
    trials = f"{counted(spec.trials, 'trial')} of {counted(spec.epochs, 'epoch')}"
    print_line(
        console,
        "search",
        f"{spec.regime}: {trials}, {spec.sampler}, {_pruning(spec)}{budget}; {reruns}",
    )
    slots = counted(resources.slots, "trial")
    print_line(console, "machine", f"{slots} at a time, {per_trial(resources)}, {precision}")


def print_floors(
    console: Console, found: Mapping[str, Mapping[str, Any]], failures: Mapping[str, str]
) -> None:
    """Print what costs seconds, and so what a recipe has to beat; the reasons of missing ones."""
    if found:
        floors = [
            f"{regime} {100 * record['validation_accuracy']:.1f} %{_chosen(record['chosen'])}"
            for regime, record in found.items()
        ]
        began = min(record[STARTED_AT] for record in found.values())
        seconds = max(record[ENDED_AT] for record in found.values()) - began
        best = max(record["validation_accuracy"] for record in found.values())
        print_line(
            console,
            "floors",
            f"{', '.join(floors)} in {roughly(seconds)}: a recipe must beat {100 * best:.1f} % on"
            " validation",
        )
    for regime, reason in failures.items():
        print_line(console, "note", f"the floor {regime} failed: {reason}", style="bold yellow")


def _chosen(values: Mapping[str, Any]) -> str:
    return f" ({difference(values, {})})" if values else ""


def _pruning(spec: SearchSpec) -> str:
    """From which epoch trials are pruned, if at all: late in the budget none is any more."""
    if spec.scheduler == "none":
        return "no pruning"
    begins = f"{spec.scheduler} from epoch {spec.grace_epochs}"
    if spec.grace_epochs <= PRUNABLE_FRACTION * spec.epochs:
        return begins
    return f"no pruning ({begins} is too late)"


def print_estimate(
    console: Console,
    spec: SearchSpec,
    trial: Measurement,
    resources: Resources,
    finished: int,
    rows: int,
) -> Estimate:
    """Print the time and memory of a search on `rows` training sentences; returns the estimate."""
    slots, free = resources.slots, psutil.virtual_memory().available
    estimated = estimate(spec, trial, slots, finished)
    time = (
        f"{counted(estimated.trials, 'trial')} take {roughly(estimated.unpruned)} without pruning"
    )
    if estimated.pruned is not None:
        time += (
            f", {roughly(estimated.pruned)} if one in {spec.reduction_factor} continues from each"
            " rung"
        )
    if estimated.choice_and_report:
        time += f"; the choice and report runs {roughly(estimated.choice_and_report)}"
    print_line(console, "time", time)
    print_line(
        console,
        "memory",
        f"{gibibytes(trial.peak_memory)} per trial, {gibibytes(estimated.memory)} for those that"
        f" run at the same time; {gibibytes(free)} are free",
    )
    print_line(
        console,
        "basis",
        f"trial 0 takes {roughly(trial.seconds())}, an epoch {roughly(trial.stages[0].later)}:"
        f" measured on this machine, running alone, on {trial.sentences:,} of {rows:,} sentences;"
        " other batch sizes and concurrent trials differ",
    )
    for warning in warnings(spec, trial, estimated, slots, free):
        print_line(console, "note", warning, style="bold yellow")
    return estimated
