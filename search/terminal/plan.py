"""What a search is going to do, said before it does it."""

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna
import psutil
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import RandomSampler
from rich.console import Console
from rich.table import Table
from rich.text import Text

import spaces
import trainables
from analysis.text import duration, visible
from search.cluster.resources import Resources
from search.inputs import Prepared
from search.planning.estimate import Estimate, Measured, estimate, warnings
from search.spec import SearchSpec
from search.study.configuration import WithFixed, point_parameters
from search.terminal.progress import share, written
from search.trials.ledger import PRUNABLE_FRACTION
from trainables.parts.quote import quoted

HEADING = 9
"""Columns that the headings of the plan's lines take."""
IMBALANCE = 10
"""Largest class over smallest, above which a user is told."""


def ranges(spec: SearchSpec, samples: int = 200) -> dict[str, BaseDistribution]:
    """Every name that the space suggests, with its distribution, conditional ones included: found
    by sampling the space."""
    study = optuna.create_study(sampler=RandomSampler(seed=0))
    found: dict[str, BaseDistribution] = {}
    for _ in range(samples):
        trial = study.ask()
        spaces.load(spec.regime).space(WithFixed(trial, spec.fix))
        found |= trial.distributions
    return found


def describe(distribution: BaseDistribution) -> str:
    """A range as people write it."""
    if isinstance(distribution, CategoricalDistribution):
        return " | ".join(map(written, distribution.choices))
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    steps = f", step {distribution.step:g}" if distribution.step not in (None, 1) else ""
    return (
        f"{distribution.low:g} to {distribution.high:g}{', log' if distribution.log else ''}{steps}"
    )


def space_rows(spec: SearchSpec) -> list[dict[str, Any]]:
    """A row a hyperparameter: what is searched first, with its range and trial 0's value, then what
    stays as it is."""
    config = trainables.load(spec.regime).Config
    meaning, searched = config.describe(), ranges(spec)
    values = config.from_dict({**point_parameters(spec, {}), **spec.fix}).to_dict()
    rows = [
        {
            "name": name,
            "range": describe(searched[name]),
            "trial 0": values[name],
            "meaning": meaning.get(name, ""),
        }
        for name in searched
    ]
    for name, value in values.items():
        if name not in searched:
            rows.append(
                {
                    "name": name,
                    "range": "fixed" if name in spec.fix else "default",
                    "trial 0": value,
                    "meaning": meaning.get(name, ""),
                }
            )
    return rows


def space_markdown(spec: SearchSpec) -> str:
    """The space as a Markdown table, for the search's folder and MLflow."""
    lines = [
        f"# The space of `{spec.regime}`",
        "",
        inspect.getdoc(trainables.load(spec.regime)) or "",
        "",
    ]
    lines += ["| hyperparameter | range | trial 0 | meaning |", "|---|---|---|---|"]
    for row in space_rows(spec):
        cells = [
            str(row[key]).replace("|", "\\|").replace("\n", " ")
            for key in ("name", "range", "trial 0", "meaning")
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def say(console: Console, what: str, text: str, style: str = "", width: int = HEADING) -> None:
    """A line after its heading, which takes `width` columns.

    A terminal gets it wrapped beside the heading, anything else as one line.
    """
    if not console.is_terminal:
        console.print(f"{what:<{width}}{text}", style=style)
        return
    table = Table.grid(padding=0)
    table.add_column(width=width)
    table.add_column(overflow="fold")
    table.add_row(what, Text(visible(text)), style=style)
    console.print(table, soft_wrap=False)


def say_data(console: Console, prepared: Prepared, spec: SearchSpec) -> None:
    """Data and model, and what is odd about them."""
    corpus, lengths = prepared.corpus, prepared.data.train.lengths
    known = len(prepared.pretrained.weights[prepared.pretrained.embedding])
    sizes = ", ".join(f"{len(split):,} {name}" for name, split in corpus.splits.items())
    counts = np.bincount(corpus.train.labels, minlength=len(corpus.labels))
    each = (
        f"{counts.min():,}"
        if counts.min() == counts.max()
        else f"{counts.min():,} to {counts.max():,}"
    )
    middle, most = np.percentile(lengths, [50, 95])
    say(console, "data", f"{spec.data}: {sizes}")
    say(console, "labels", f"{len(corpus.labels):,}, {each} training rows each")
    say(
        console,
        "tokens",
        f"median {middle:.0f} a text, 95 % up to {most:.0f}, longest {lengths.max()}",
    )
    say(
        console,
        "model",
        f"{spec.model}: {prepared.pretrained.parameters / 1e6:.1f} M parameters; "
        f"{len(prepared.vocabulary):,} of its {known:,} tokens occur",
    )
    for note in (*prepared.notes, *imbalance(corpus.labels, counts)):
        say(console, "note", note, style="yellow")


def imbalance(labels: Sequence[str], counts: np.ndarray) -> list[str]:
    """A line where the largest class is more than `IMBALANCE` times the smallest.

    `counts` are training rows; labels without any are left out, because the data's own notes name
    them.
    """
    trained = np.where(counts > 0, counts, counts.max())
    small, large = int(trained.argmin()), int(counts.argmax())
    if counts[large] <= IMBALANCE * counts[small]:
        return []
    least, most = (
        f"{quoted(labels[label])} ({counts[label]:,} training rows)" for label in (small, large)
    )
    return [
        f"the largest class, {most}, has over {IMBALANCE} times the rows of the smallest, {least}:"
        " accuracy says little of small ones"
    ]


def say_plan(console: Console, spec: SearchSpec, resources: Resources, precision: str) -> None:
    """What runs, how much of it, and where."""
    again = (
        f"best {spec.confirm_top} again on {several(spec.confirm_seeds, 'seed')}, the winner on"
        f" {spec.report_seeds} more"
    )
    confirm = again if spec.confirm_top else "no confirmation"
    budget = f", at most {duration(spec.time_budget)}" if spec.time_budget else ""
    trials = f"{several(spec.trials, 'trial')} of {several(spec.epochs, 'epoch')}"
    say(
        console,
        "search",
        f"{spec.regime}: {trials}, {spec.sampler}, {_pruning(spec)}{budget}; {confirm}",
    )
    say(
        console,
        "machine",
        f"{several(resources.slots, 'trial')} at a time, {share(resources)}, {precision}",
    )


def _pruning(spec: SearchSpec) -> str:
    """From when trials may be stopped, or that none is: near its end none is any more."""
    if spec.scheduler == "none":
        return "no pruning"
    begins = f"{spec.scheduler} from epoch {spec.grace_epochs}"
    return (
        begins
        if spec.grace_epochs <= PRUNABLE_FRACTION * spec.epochs
        else f"no pruning ({begins} is too late)"
    )


def say_estimate(
    console: Console,
    spec: SearchSpec,
    measured: Measured,
    resources: Resources,
    ended: int,
    rows: int,
) -> Estimate:
    """Time and memory that a search of `rows` training sentences will take, what they rest on, and
    what of it does not fit."""
    found, slots, available = (
        estimate(spec, measured, resources.slots, ended),
        resources.slots,
        psutil.virtual_memory().available,
    )
    time = f"{several(found.trials, 'trial')} in {roughly(found.full)} where none is stopped"
    if found.stopped is not None:
        time += (
            f", {roughly(found.stopped)} where one in {spec.reduction_factor} goes on from each"
            " rung"
        )
    if found.confirmation:
        time += f"; the confirmation {roughly(found.confirmation)}"
    memory = (
        f"{gibibytes(measured.peak)} a trial, {gibibytes(found.memory)} for those side by side;"
        f" {gibibytes(available)} are free"
    )
    say(console, "time", time)
    say(console, "memory", memory)
    say(
        console,
        "basis",
        f"trial 0 takes {roughly(measured.seconds())}, an epoch"
        f" {roughly(measured.stages[0].later)}: measured here and now, alone, on"
        f" {measured.sentences:,} of {rows:,} sentences; other batch sizes, and trials side by"
        " side, take more or less",
    )
    for warning in warnings(spec, measured, found, slots, available):
        say(console, "note", warning, style="bold yellow")
    return found


def several(number: int, what: str) -> str:
    """So many of them."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def roughly(seconds: float) -> str:
    """An estimated time, in no more digits than it deserves."""
    if seconds < 10:
        return f"{seconds:.2g}s"
    return (
        f"{seconds:.0f}s"
        if seconds < 120
        else f"{seconds / 60:.0f}m"
        if seconds < 5400
        else f"{seconds / 3600:.1f}h"
    )


def gibibytes(size: float) -> str:
    """Bytes as people write them."""
    return f"{size / 2**30:.1f} GiB"


def say_space(console: Console, spec: SearchSpec) -> None:
    """The space and trial 0."""
    table = Table(
        title=f"the space of {spec.regime}",
        title_justify="left",
        box=None,
        header_style="bold",
        pad_edge=False,
    )
    for column in ("hyperparameter", "range", "trial 0"):
        table.add_column(column, overflow="fold")
    for row in space_rows(spec):
        table.add_row(row["name"], row["range"], written(row["trial 0"]))
    console.print(table, soft_wrap=False)
