"""What a search is going to do, said before it does it."""

import inspect
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import RandomSampler
from rich.console import Console
from rich.table import Table

import spaces
import trainables
from search.cluster import Resources
from search.prepare import Prepared
from search.progress import duration
from search.spec import SearchSpec
from search.study import _Fixed, point_of


def ranges(spec: SearchSpec, samples: int = 200) -> dict[str, BaseDistribution]:
    """Every name that the space suggests, with its distribution, conditional ones included: found by sampling the space."""
    study = optuna.create_study(sampler=RandomSampler(seed=0))
    found: dict[str, BaseDistribution] = {}
    for _ in range(samples):
        trial = study.ask()
        spaces.load(spec.regime).space(_Fixed(trial, spec.fix))
        found |= trial.distributions
    return found


def describe(distribution: BaseDistribution) -> str:
    """A range as people write it."""
    if isinstance(distribution, CategoricalDistribution):
        return " | ".join(str(choice).lower() if choice is None else str(choice) for choice in distribution.choices)
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    steps = f", step {distribution.step:g}" if distribution.step not in (None, 1) else ""
    return f"{distribution.low:g} to {distribution.high:g}{', log' if distribution.log else ''}{steps}"


def space_rows(spec: SearchSpec) -> list[dict[str, Any]]:
    """A row a hyperparameter: what is searched first, with its range and trial 0's value, then what stays as it is."""
    config = trainables.load(spec.regime).Config
    meaning, searched = config.describe(), ranges(spec)
    values = config.from_dict({**point_of(spec, {}), **spec.fix}).to_dict()
    rows = [
        {"name": name, "range": describe(searched[name]), "trial 0": values[name], "meaning": meaning.get(name, "")} for name in searched
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
    lines = [f"# The space of `{spec.regime}`", "", inspect.getdoc(trainables.load(spec.regime)) or "", ""]
    lines += ["| hyperparameter | range | trial 0 (the paper's) | meaning |", "|---|---|---|---|"]
    for row in space_rows(spec):
        cells = [str(row[key]).replace("|", "\\|").replace("\n", " ") for key in ("name", "range", "trial 0", "meaning")]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def say_data(console: Console, prepared: Prepared, spec: SearchSpec) -> None:
    """Data and model in a few lines."""
    corpus, train = prepared.corpus, prepared.data.train
    sizes = ", ".join(f"{len(split):,} {name}" for name, split in corpus.splits.items())
    counts = np.bincount(corpus.train.labels, minlength=len(corpus.labels))
    console.print(
        f"data     {spec.data}: {sizes}; {len(corpus.labels)} labels, {counts.min()} to {counts.max()} training rows each",
        highlight=False,
    )
    console.print(
        f"model    {spec.model}: {prepared.pretrained.parameters / 1e6:.1f} M parameters; {train.lengths.mean():.1f} tokens a text, "
        f"{len(prepared.vocabulary):,} of {len(prepared.pretrained.weights[prepared.pretrained.embedding]):,} tokens occur",
        highlight=False,
    )
    for note in prepared.notes:
        console.print(f"note     {note}", style="yellow")


def say_plan(console: Console, spec: SearchSpec, resources: Resources, precision: str) -> None:
    """What runs, how much of it, and where."""
    prune = "no pruning" if spec.scheduler == "none" else f"{spec.scheduler} from epoch {spec.grace_epochs}"
    confirm = f"best {spec.confirm_top} again on {spec.confirm_seeds} fresh seeds" if spec.confirm_top else "no confirmation"
    budget = f", at most {duration(spec.time_budget)}" if spec.time_budget else ""
    gpu = f", {resources.gpus:g} GPU" if resources.gpus else ""
    console.print(
        f"search   {spec.regime}: {spec.trials} trials of {spec.epochs} epochs, {spec.sampler}, {prune}{budget}; {confirm}",
        highlight=False,
    )
    console.print(f"machine  {resources.slots} trials at a time, {resources.cpus:g} CPU{gpu} each, {precision}")


def say_space(console: Console, spec: SearchSpec) -> None:
    """The space and trial 0."""
    table = Table(title=f"the space of {spec.regime}", title_justify="left", box=None, header_style="bold")
    for column in ("hyperparameter", "range", "trial 0"):
        table.add_column(column, overflow="fold")
    for row in space_rows(spec):
        table.add_row(row["name"], row["range"], str(row["trial 0"]).lower() if row["trial 0"] is None else str(row["trial 0"]))
    console.print(table)
