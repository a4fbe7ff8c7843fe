"""What a search is going to do, printed before it begins."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table
from rich.text import Text

from analysis.text import duration, visible
from search.cluster.resources import Resources
from search.inputs import Prepared
from search.planning.estimate import Estimate, Measurement, estimate, warnings
from search.reports import ENDED_AT, STARTED_AT
from search.spec import SearchSpec
from search.study.pruners import PRUNABLE_FRACTION
from search.terminal.text import counted, difference, gibibytes, per_trial, roughly
from trainables.parts.quote import quoted

HEADING_WIDTH = 9
"""Columns of the plan's headings."""
MAX_IMBALANCE = 10
"""Ratio of the largest to the smallest class above which the plan warns."""


def print_line(
    console: Console, heading: str, text: str, style: str = "", width: int = HEADING_WIDTH
) -> None:
    """Print a line behind its heading, which takes `width` columns.

    A terminal wraps the text beside the heading; a file gets one line.
    """
    if not console.is_terminal:
        console.print(f"{heading:<{width}}{text}", style=style, soft_wrap=True)
        return
    table = Table.grid(padding=0)
    table.add_column(width=width)
    table.add_column(overflow="fold")
    table.add_row(heading, Text(visible(text)), style=style)
    console.print(table, soft_wrap=False)


def print_data(console: Console, prepared: Prepared, spec: SearchSpec) -> None:
    """Print the size of data and model, and what is suspicious about them."""
    corpus, lengths = prepared.corpus, prepared.data.train.lengths
    sizes = ", ".join(f"{len(split):,} {name}" for name, split in corpus.splits.items())
    print_line(console, "data", f"{spec.data}: {sizes}")
    counts = np.bincount(corpus.train.labels, minlength=len(corpus.labels))
    low, high = counts.min(), counts.max()
    rows = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    print_line(console, "labels", f"{len(corpus.labels):,}, with {rows} training rows each")
    median, most = np.percentile(lengths, [50, 95])
    tokens = f"median {median:.0f} per text, 95 % have at most {most:.0f}, longest {lengths.max()}"
    print_line(console, "tokens", tokens)
    vocabulary = len(prepared.pretrained.weights[prepared.pretrained.embedding])
    print_line(
        console,
        "model",
        f"{spec.model}: {prepared.pretrained.parameters / 1e6:.1f} M parameters;"
        f" {len(prepared.vocabulary):,} of its {vocabulary:,} tokens occur",
    )
    for note in (*prepared.notes, *imbalance(corpus.labels, counts)):
        print_line(console, "note", note, style="yellow")


def imbalance(labels: Sequence[str], counts: np.ndarray) -> list[str]:
    """A warning where the largest class has over `MAX_IMBALANCE` times the rows of the smallest.

    `counts` are training rows. Labels without any are left out: the data's own notes name them.
    """
    nonzero = np.where(counts > 0, counts, counts.max())
    small, large = int(nonzero.argmin()), int(counts.argmax())
    if counts[large] <= MAX_IMBALANCE * counts[small]:
        return []
    smallest, largest = (
        f"{quoted(labels[label])} ({counts[label]:,} training rows)" for label in (small, large)
    )
    return [
        f"the largest class, {largest}, has over {MAX_IMBALANCE} times the rows of the smallest,"
        f" {smallest}: accuracy says little about small classes"
    ]


def print_plan(console: Console, spec: SearchSpec, resources: Resources, precision: str) -> None:
    """Print what runs, how much of it, and on what."""
    reruns = "no runs on other seeds"
    if spec.confirm_top:
        seeds = counted(spec.confirm_seeds, "seed") if spec.confirm_seeds else "as many seeds"
        needed = "" if spec.confirm_seeds else " as it takes to choose"
        reruns = (
            f"best {spec.confirm_top} rerun on {seeds}{needed}, the winner on {spec.report_seeds}"
            " more"
        )
    budget = f", at most {duration(spec.time_budget)}" if spec.time_budget else ""
    trials = f"{counted(spec.trials, 'trial')} of {counted(spec.epochs, 'epoch')}"
    print_line(
        console,
        "search",
        f"{spec.regime}: {trials}, {spec.sampler}, {_pruning(spec)}{budget}; {reruns}",
    )
    if spec.warm_start:
        found = difference(spec.warm_start, {})
        print_line(console, "begins", f"with the best of the searches before it: {found}")
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
