"""`--dry-run`: print the plan, the estimated cost and the space of each search; run nothing."""

import os
from collections.abc import Sequence
from dataclasses import replace

import torch
from rich.console import Console

import trainables
from search.cluster.resources import Resources, resources, this_machine
from search.inputs import Prepared, resolve_precision
from search.planning.estimate import Measurement, finished_trials
from search.planning.measure import MEASURING_SECONDS, measure
from search.spec import SearchSpec
from search.terminal.console import print_line
from search.terminal.plan import (
    Planned,
    print_estimate,
    print_estimates,
    print_floors_time,
    print_machine,
    print_plan,
)
from search.terminal.space import print_space
from search.trials.worker import failure_reason
from trainables.parts.model.encoder import Precision


def dry_run(
    console: Console,
    specs: Sequence[SearchSpec],
    prepared: Prepared,
    *,
    resume: bool,
    auto: bool = False,
) -> None:
    """Print what the searches would do; with `auto`, together on the trials of one.

    Raises ValueError where not even one trial fits.
    """
    first = specs[0]
    if auto:
        # Which regimes go on depends on the scores: plan equal parts.
        parts = divmod(first.trials, len(specs))
        specs = [
            replace(spec, trials=parts[0] + (place < parts[1])) for place, spec in enumerate(specs)
        ]
    address = first.address or os.environ.get("RAY_ADDRESS")
    if address:
        _note(console, f"planned for this machine; the cluster at {address} may have more")
    per_trial, precision = _machine(console, first)
    seconds = MEASURING_SECONDS / len(specs)

    def timed(spec: SearchSpec) -> Planned:
        trial = _measure(console, spec, prepared, per_trial, precision, seconds)
        return Planned(spec, trial, finished_trials(spec) if resume else 0)

    if len(specs) == 1:
        print_plan(console, first, per_trial, precision)
        print_estimate(console, timed(first), per_trial, len(prepared.data.train))
        print_space(console, first)
    else:
        print_machine(console, per_trial, precision)
        print_estimates(console, [timed(spec) for spec in specs], per_trial)
    if auto:
        line = (
            f"--regime auto divides {first.trials} trials by their scores; planned in equal parts"
        )
        _note(console, f"{line}, each with choice and report runs: one regime will have those")
    console.print("nothing was run (--dry-run)")


def describe_data(console: Console, floors: Sequence[SearchSpec], prepared: Prepared) -> None:
    """Print how long the floors take on the data that was printed, and what to plan next."""
    per_trial, precision = _machine(console, floors[0])
    print_machine(console, per_trial, precision)
    seconds = MEASURING_SECONDS / len(floors)
    trials = [_measure(console, spec, prepared, per_trial, precision, seconds) for spec in floors]
    print_floors_time(console, sum(trial.seconds() for trial in trials if trial is not None))
    print_line(
        console,
        "next",
        f"plan a search: --regime NAME --dry-run; NAME is auto, all, or of"
        f" {', '.join(trainables.names())}",
    )
    console.print("nothing was run (--dry-run)")


def _machine(console: Console, spec: SearchSpec) -> tuple[Resources, Precision]:
    """What a trial takes on this machine, and its precision."""
    gpu = torch.cuda.is_available()
    precision = resolve_precision(spec.precision, gpu=gpu and spec.gpus_per_trial != 0)
    gpus = float(gpu) if spec.gpus_per_trial is None else spec.gpus_per_trial
    if gpu and spec.gpus_per_trial is None:
        _note(
            console,
            "how many trials share a GPU is measured when the search begins; planned with one",
        )
    per_trial = resources(this_machine(), spec.cpus_per_trial, gpus, spec.max_concurrent)
    return per_trial, precision


def _measure(
    console: Console,
    spec: SearchSpec,
    prepared: Prepared,
    per_trial: Resources,
    precision: Precision,
    seconds: float,
) -> Measurement | None:
    """Train trial 0 on a few sentences; None where that fails."""
    try:
        with console.status(
            f"measuring trial 0 of {spec.regime} on a few sentences", refresh_per_second=2
        ):
            return measure(spec, prepared, per_trial, precision, seconds)
    except Exception as error:  # Whatever a regime raises: its trials would fail with it.
        why = failure_reason(error)
        _note(console, f"trial 0 of {spec.regime} fails on a few sentences: {why}", "bold yellow")
        return None


def _note(console: Console, text: str, style: str = "yellow") -> None:
    print_line(console, "note", text, style=style)
