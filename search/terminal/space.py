"""The search space as a table: each hyperparameter with its range and trial 0's value."""

import inspect
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import RandomSampler
from rich.console import Console
from rich.table import Table

import spaces
import trainables
from search.spec import SearchSpec
from search.study.configuration import WithFixed, point_parameters
from search.terminal.text import fix_value


@dataclass(frozen=True)
class SpaceRow:
    """A hyperparameter."""

    name: str
    range: str
    """The values it may take; `fixed` or `default` where it is not searched."""
    trial_0: Any
    """Its value in trial 0."""
    meaning: str


def distributions(spec: SearchSpec, samples: int = 200) -> dict[str, BaseDistribution]:
    """Every hyperparameter that the space suggests, with its distribution.

    Conditional ones are discovered by sampling the space.
    """
    study = optuna.create_study(sampler=RandomSampler(seed=0))
    result: dict[str, BaseDistribution] = {}
    for _ in range(samples):
        trial = study.ask()
        spaces.load(spec.regime).space(WithFixed(trial, spec.fix))
        result |= trial.distributions
    return result


def range_text(distribution: BaseDistribution) -> str:
    """A distribution in words: `0.1 to 0.5, log`, `adamw | sgd`."""
    if isinstance(distribution, CategoricalDistribution):
        return " | ".join(map(fix_value, distribution.choices))
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    log = ", log" if distribution.log else ""
    step = f", step {distribution.step:g}" if distribution.step not in (None, 1) else ""
    return f"{distribution.low:g} to {distribution.high:g}{log}{step}"


def rows(spec: SearchSpec) -> list[SpaceRow]:
    """The searched hyperparameters, then those that keep one value."""
    config = trainables.load(spec.regime).Config
    meanings, searched = config.describe(), distributions(spec)
    values = config.from_dict({**point_parameters(spec, {}), **spec.fix}).to_dict()
    names = [*searched, *(name for name in values if name not in searched)]

    def range_of(name: str) -> str:
        if name in searched:
            return range_text(searched[name])
        return "fixed" if name in spec.fix else "default"

    return [SpaceRow(name, range_of(name), values[name], meanings.get(name, "")) for name in names]


def markdown(spec: SearchSpec) -> str:
    """The space in Markdown, for the search's folder and MLflow."""
    lines = [
        f"# The space of `{spec.regime}`",
        "",
        inspect.getdoc(trainables.load(spec.regime)) or "",
        "",
        "| hyperparameter | range | trial 0 | meaning |",
        "|---|---|---|---|",
    ]
    for row in rows(spec):
        cells = (row.name, row.range, str(row.trial_0), row.meaning)
        escaped = (cell.replace("|", "\\|").replace("\n", " ") for cell in cells)
        lines.append(f"| {' | '.join(escaped)} |")
    return "\n".join(lines) + "\n"


def print_space(console: Console, spec: SearchSpec) -> None:
    """Print the space."""
    table = Table(
        title=f"the space of {spec.regime}",
        title_justify="left",
        box=None,
        header_style="bold",
        pad_edge=False,
    )
    for column in ("hyperparameter", "range", "trial 0"):
        table.add_column(column, overflow="fold")
    for row in rows(spec):
        table.add_row(row.name, row.range, fix_value(row.trial_0))
    console.print(table, soft_wrap=False)
