"""`--dry-run`: print the plan, the estimated cost and the space of each search; run nothing."""

import os
from collections.abc import Sequence
from dataclasses import replace

import torch
from rich.console import Console

from search.cluster.resources import resources, this_machine
from search.inputs import Prepared, resolve_precision
from search.planning.estimate import Estimate, finished_trials
from search.planning.measure import MEASURING_SECONDS, measure
from search.spec import SearchSpec
from search.terminal.console import print_line
from search.terminal.plan import print_estimate, print_plan
from search.terminal.space import print_space
from search.terminal.text import roughly
from search.trials.worker import failure_reason


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
    seconds = MEASURING_SECONDS / len(specs)
    estimates = [_plan(console, spec, prepared, seconds, resume=resume) for spec in specs]
    measured = [estimated for estimated in estimates if estimated is not None]
    if len(measured) > 1:
        total = sum(estimated.expected + estimated.choice_and_report for estimated in measured)
        print_line(console, "time", f"of all {len(measured)} searches: {roughly(total)}")
    if auto:
        line = (
            f"--regime auto divides {first.trials} trials by their scores; planned in equal parts"
        )
        _note(console, f"{line}, each with choice and report runs: one regime will have those")
    console.print("nothing was run (--dry-run)")


def _plan(
    console: Console, spec: SearchSpec, prepared: Prepared, seconds: float, *, resume: bool
) -> Estimate | None:
    """Print one search; returns its estimate, or None where trial 0 fails."""
    gpu = torch.cuda.is_available()
    precision = resolve_precision(spec.precision, gpu=gpu and spec.gpus_per_trial != 0)
    gpus = float(gpu) if spec.gpus_per_trial is None else spec.gpus_per_trial
    per_trial = resources(this_machine(), spec.cpus_per_trial, gpus, spec.max_concurrent)
    print_plan(console, spec, per_trial, precision)
    if gpu and spec.gpus_per_trial is None:
        _note(
            console,
            "how many trials share a GPU is measured when the search begins; planned with one",
        )
    estimated = None
    try:
        with console.status("measuring trial 0 on a few sentences", refresh_per_second=2):
            trial = measure(spec, prepared, per_trial, precision, seconds)
    except Exception as error:  # Whatever a regime raises: its trials would fail with it.
        _note(console, f"trial 0 fails on a few sentences: {failure_reason(error)}", "bold yellow")
    else:
        finished = finished_trials(spec) if resume else 0
        rows = len(prepared.data.train)
        estimated = print_estimate(console, spec, trial, per_trial, finished, rows)
    print_space(console, spec)
    return estimated


def _note(console: Console, text: str, style: str = "yellow") -> None:
    print_line(console, "note", text, style=style)
