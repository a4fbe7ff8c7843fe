"""What a search is going to do, printed before it begins."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from analysis.metric import WORDS, Metric, percent_of, validation_field
from analysis.text import counted, duration, epochs_of
from search.cluster.resources import Resources
from search.planning.draws import SecondsRange
from search.planning.estimate import Measurement, estimate, warnings
from search.planning.speed import Guess
from search.planning.time_left import START_SECONDS, TimeLeft
from search.seeds import report_counts
from search.spec import SearchSpec
from search.study.pruners import PRUNABLE_FRACTION
from search.terminal.console import print_line
from search.terminal.space import distributions
from search.terminal.text import between, config_difference, gibibytes, how_many, per_trial, roughly
from search.worker_reports import ENDED_AT, STARTED_AT

FEW_SECONDS = 10.0
"""Below this, starting and encoding take longer than the floors themselves."""


@dataclass(frozen=True)
class Planned:
    """A search that a dry run has measured."""

    spec: SearchSpec
    trial: Measurement | None
    """None where trial 0 fails."""
    finished: int
    """Trials that an earlier process finished."""


def print_plan(
    console: Console, spec: SearchSpec, resources: Resources, precision: str, place: str = ""
) -> None:
    """Print what will run, how many trials, and on what; `place`: of several regimes, `3 of 8`."""
    reruns = "no runs on other seeds"
    if spec.confirm_top:
        choice = (
            f"best {spec.confirm_top} rerun on {counted(spec.confirm_seeds, 'seed')}"
            if spec.confirm_seeds
            else "best trials rerun on as many seeds as are needed to choose"
        )
        reruns = f"{choice}, the winner on {how_many(report_counts(spec.report_seeds))} more"
    budget = f", at most {duration(spec.time_budget)}" if spec.time_budget else ""
    regime = f"{spec.regime}, regime {place}" if place else spec.regime
    most = "up to " if spec.patience else ""
    epochs = epochs_of(spec.epochs, spec.sentences_per_epoch)
    trials = f"{most}{counted(spec.trials, 'trial')} of {epochs}"
    by = "" if spec.metric == "accuracy" else f" by {WORDS[spec.metric]}"
    print_line(
        console,
        "search",
        f"{regime}: {trials}{by}, {spec.sampler}, {_pruning(spec)}{budget}; {reruns}",
    )
    if spec.warm_start:
        changes = config_difference(spec.warm_start, {})
        print_line(console, "begins", f"with the best of the earlier searches: {changes}")
    print_machine(console, resources, precision)


def print_machine(console: Console, resources: Resources, precision: str) -> None:
    """Print how many trials run at a time, on what."""
    slots = counted(resources.slots, "trial")
    print_line(console, "machine", f"{slots} at a time, {per_trial(resources)}, {precision}")


def print_surplus(console: Console, begun: int, trials: int) -> None:
    """Say that a resumed search has more trials than it was asked for."""
    print_line(
        console,
        "note",
        f"--trials {trials} is fewer than the {counted(begun, 'trial')} that this search has: all"
        " of them stay, and no new one is begun",
        style="yellow",
    )


def print_floors(
    console: Console,
    floor_records: Mapping[str, Mapping[str, Any]],
    failures: Mapping[str, str],
    metric: Metric,
) -> None:
    """Print the scores of the floors, which a recipe has to beat, and why floors are missing."""
    if floor_records:
        floors = [
            f"{regime} {100 * record[validation_field(metric)]:.1f} %{_chosen(record['chosen'])}"
            for regime, record in floor_records.items()
        ]
        began = min(record[STARTED_AT] for record in floor_records.values())
        seconds = max(record[ENDED_AT] for record in floor_records.values()) - began
        best = max(record[validation_field(metric)] for record in floor_records.values())
        print_line(
            console,
            "floors",
            f"simple models: {', '.join(floors)} in {roughly(max(0.0, seconds))}:"
            f" a recipe must beat {percent_of(best, metric)} on validation",
        )
    for regime, reason in failures.items():
        print_line(console, "note", f"the floor {regime} failed: {reason}", style="bold yellow")


def _chosen(values: Mapping[str, Any]) -> str:
    return f" ({config_difference(values, {})})" if values else ""


def _pruning(spec: SearchSpec) -> str:
    """From which epoch on trials are pruned; late in the budget no trial is."""
    if spec.scheduler == "none":
        return "no pruning"
    begins = f"{spec.scheduler} from epoch {spec.grace_epochs}"
    if spec.grace_epochs <= PRUNABLE_FRACTION * spec.epochs:
        return begins
    return f"no pruning ({begins} is too late)"


def print_estimate(console: Console, planned: Planned, resources: Resources, rows: int) -> None:
    """Print the time and memory of a search on `rows` training sentences, as far as known."""
    spec, trial = planned.spec, planned.trial
    if trial is None:
        return
    slots, free = resources.slots, psutil.virtual_memory().available
    estimated = estimate(spec, trial, slots, planned.finished)
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
    whole = _whole(planned, slots)
    print_line(
        console,
        "total",
        f"{between(whole.low + START_SECONDS, whole.high + START_SECONDS)} including start-up,"
        " choice and report runs, and the report",
    )
    print_line(console, "time", time)
    print_line(
        console,
        "memory",
        f"{gibibytes(trial.peak_memory)} per trial, {gibibytes(estimated.memory)} for all trials"
        f" that run at the same time; {gibibytes(free)} are free",
    )
    print_line(
        console,
        "basis",
        f"trial 0 takes {roughly(trial.seconds())}, an epoch {roughly(trial.stages[0].later)}:"
        f" measured on this machine, running alone, on {trial.sentences:,} of {rows:,} sentences;"
        " with other batch sizes or concurrent trials, times differ",
    )
    for warning in warnings(spec, trial, estimated, slots, free):
        print_line(console, "note", warning, style="bold yellow")


def print_estimates(console: Console, plans: Sequence[Planned], resources: Resources) -> None:
    """Print a table of several searches with their time and memory, and the sum."""
    slots, free = resources.slots, psutil.virtual_memory().available
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("regime", no_wrap=True)
    for column in ("trials", "fields", "epochs", "trial 0", "time", "memory"):
        table.add_column(column, justify="right", no_wrap=True)
    known, notes = list[SecondsRange](), list[str]()
    for planned in plans:
        spec, trial = planned.spec, planned.trial
        shown = [spec.regime, *map(str, (spec.trials, len(distributions(spec)), spec.epochs))]
        if trial is None:
            table.add_row(*shown, "fails")
            continue
        estimated, whole = estimate(spec, trial, slots, planned.finished), _whole(planned, slots)
        known += [whole]
        table.add_row(
            *shown,
            roughly(trial.seconds()),
            between(whole.low, whole.high),
            gibibytes(estimated.memory),
        )
        notes += [
            f"{spec.regime}: {line}" for line in warnings(spec, trial, estimated, slots, free)
        ]
    console.print(table, soft_wrap=False)
    fields = "how many hyperparameters are searched"
    if size := plans[0].spec.sentences_per_epoch:
        fields += f"; an epoch has {counted(size, 'sentence')}"
    print_line(console, "fields", fields)
    low, high = (sum(end) for end in ([each.low for each in known], [each.high for each in known]))
    print_line(
        console,
        "time",
        f"{between(low + START_SECONDS, high + START_SECONDS)} for all {len(plans)} including"
        " start-up, choice and report runs; extrapolated from a few sentences; --dry-run with one"
        " regime shows the details",
    )
    for note in notes:
        print_line(console, "note", note, style="bold yellow")


def print_floors_time(console: Console, seconds: float) -> None:
    """Print how long the floors will take on this data."""
    about = f"about {roughly(seconds)}" if seconds > FEW_SECONDS else "a few seconds"
    print_line(console, "floors", f"the simple models that a recipe has to beat take {about}")


def _whole(planned: Planned, slots: int) -> SecondsRange:
    """Seconds of a search, from its first trial to its report."""
    assert planned.trial is not None
    spec = planned.spec
    left = replace(spec, trials=max(1, spec.trials - planned.finished))
    guess = Guess.measured(planned.trial, spec.epochs)
    forecast = TimeLeft(left, slots, guess).of_trials(
        [], 0.0, math.inf if spec.time_budget is None else spec.time_budget
    )
    assert forecast is not None
    return forecast
