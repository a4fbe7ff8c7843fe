"""A command's searches, one after the other, on the cluster that is connected."""

import argparse
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import Any

from rich.console import Console

from analysis.command import OK
from search.cluster.start import cluster
from search.driver.auto import run_auto
from search.driver.context import set_up
from search.driver.dry_run import describe_data, dry_run
from search.driver.outcome import Outcome
from search.driver.pipeline import draw_report, queue_of, require_same_conditions, run_search
from search.driver.print_result import print_result
from search.driver.request import Request, read_request
from search.driver.stored_outcome import ended
from search.inputs import Prepared, prepare
from search.signals import Stop
from search.spec import SearchSpec
from search.storage import require_storage
from search.study.configuration import shared_parameters
from search.study.lock import require_not_running
from search.study.study import read_study
from search.study.winner_records import best_configuration
from search.terminal import next_commands
from search.terminal.console import SafeConsole
from search.terminal.data import print_advice, print_data, print_model
from search.tracking.store import connect, import_mlflow, tracking_uri
from search.trials.ending import Ending
from search.trials.floors import REGIMES as FLOORS
from trainables.parts.data.corpus import Corpus


def run_command(args: argparse.Namespace, stop: Stop, corpus: Corpus | None = None) -> int:
    """Do what the flags of `search.run` ask for, and print; returns the exit code.

    `corpus`: the data, where it was read and printed already.

    Raises ValueError for invalid input, OSError where the machine fails.
    """
    console = SafeConsole(highlight=False, soft_wrap=True, markup=False, quiet=args.quiet)
    only_data = args.dry_run and args.regime is None and args.resume is None
    if only_data:
        args.regime = ",".join(FLOORS)
    request = read_request(args)
    for line in request.banner:
        console.print(f"NOTE     {line}", style="bold yellow")
    prepared = load_inputs(request.specs[0], corpus)
    if corpus is None:
        print_data(console, prepared.corpus)
    print_model(console, prepared, request.specs[0].model)
    print_advice(console, prepared.corpus, [spec.regime for spec in request.specs])
    if only_data:
        describe_data(console, request.specs, prepared)
        return OK
    if request.dry_run:
        dry_run(
            console, request.specs, prepared, resume=request.resume, auto=request.auto is not None
        )
        return OK
    outcomes = run_all(
        request.specs,
        prepared,
        console,
        stop,
        resume=request.resume,
        auto=request.auto is not None,
        cold=request.cold,
        again=request.again,
    )
    if len(outcomes) > 1 and outcomes[-1].ending != Ending.INTERRUPTED:
        draw_report(outcomes[-1].spec.folder.parent, console)
    console.quiet = False
    stopped = request.auto is None and len(outcomes) < len(request.specs)
    return _print_result(console, outcomes, request, stopped=stopped)


def print_ended(args: argparse.Namespace) -> int | None:
    """Print the result of searches that have all ended; returns the exit code, None if one has not.

    Raises ValueError for invalid input.
    """
    request = read_request(args)
    outcomes = [outcome for spec in request.specs if request.again and (outcome := ended(spec))]
    if len(outcomes) < len(request.specs):
        return None
    console = SafeConsole(highlight=False, soft_wrap=True, markup=False)
    return _print_result(console, outcomes, request, stopped=False)


def search(spec: SearchSpec, *, resume: bool = False, quiet: bool = False) -> Outcome:
    """Run one search from Python, such as a notebook, on a Ray cluster that ends with it.

    It prints its plan and a line per trial, unless `quiet`. Its results are in the outcome and in
    the folder `outcome.spec.folder`. Signals stay the caller's, so `stop_within` has no effect.
    Raises as `search.run` exits: ValueError for invalid input, OSError where the machine fails.
    """
    require_storage(spec.results)
    if resume:
        require_not_running(spec.folder)
    else:
        spec = spec.named()
    prepared = load_inputs(spec)
    console = SafeConsole(highlight=False, soft_wrap=True, markup=False, quiet=quiet)
    address = spec.address or os.environ.get("RAY_ADDRESS")
    with cluster(address, environment=spec.runtime_env):
        (outcome,) = run_all([spec], prepared, console, Stop(), resume=resume)
    return outcome


def load_inputs(spec: SearchSpec, corpus: Corpus | None = None) -> Prepared:
    """The data and model of a search, read, checked and tokenised; `corpus`: the data if read."""
    return prepare(
        spec.data,
        spec.model,
        max_tokens=spec.max_tokens,
        metric=spec.metric,
        epoch_size=spec.epoch_size,
        corpus=corpus,
        **spec.reading,
    )


def run_all(
    specs: Sequence[SearchSpec],
    prepared: Prepared,
    console: Console,
    stop: Stop,
    *,
    resume: bool = False,
    auto: bool = False,
    cold: bool = False,
    again: bool = False,
) -> list[Outcome]:
    """Run searches on the same data and model, until the last one or an interrupt.

    `resume`: those that exist already go on; `again`: unless they have ended. `auto`: together, on
    one budget of trials; those that exist go on. `cold`: no new search begins with what the best
    one before it found.
    """
    first, quiet = specs[0], console.quiet
    # MLflow and the workers both take seconds to start: import it at the same time.
    importing = ThreadPoolExecutor(1).submit(import_mlflow, _store(first))
    context = set_up(specs, prepared)
    with closing(context.floors), closing(context.workers):
        for spec in specs if resume or auto else ():
            if spec.is_taken and not (again and ended(spec)):
                require_same_conditions(spec, context)
        if not (resume or auto):  # These may have recorded their floors.
            context.floors.start()
        try:
            importing.result()
            # Only now: a search that is refused leaves no store behind.
            client = connect(_store(first), first.results)
        except (OSError, ValueError):
            context.floors.close(wait=True)  # A floor that runs on would start Ray again.
            raise

        def run(spec: SearchSpec, resume: bool = resume, **how: Any) -> Outcome:
            console.quiet = quiet
            how["again"] = next_commands.again(specs, spec, auto=auto, same=again)
            return run_search(spec, context, client, console, stop, resume=resume, **how)

        if auto:
            return run_auto(
                specs,
                lambda spec, interim: run(spec, resume=spec.is_taken, interim=interim),
                console.print,
            )
        outcomes, queue = list[Outcome](), queue_of(specs, context)
        for number, spec in enumerate(specs, 1):
            queue.number = number
            goes_on = resume and spec.is_taken
            begun = spec if goes_on or cold else _warm_started(spec, outcomes)
            done = ended(spec) if again else None
            outcomes.append(done or run(begun, resume=goes_on, queue=queue))
            if outcomes[-1].ending == Ending.INTERRUPTED or stop.asked:
                break
        return outcomes


def _warm_started(spec: SearchSpec, earlier: Sequence[Outcome]) -> SearchSpec:
    """The spec with the best configuration of the earlier searches among its first trials."""
    ranked = [outcome for outcome in earlier if outcome.summary.best_trial is not None]
    if not ranked:
        return spec
    best = max(ranked, key=lambda outcome: outcome.summary.selection_score)
    configuration = best_configuration(read_study(best.spec.folder))
    return replace(spec, warm_start=shared_parameters(spec, configuration))


def _store(spec: SearchSpec) -> str:
    return tracking_uri(spec.tracking_uri, spec.results)


def _print_result(
    console: Console, outcomes: Sequence[Outcome], request: Request, *, stopped: bool
) -> int:
    """Print what was found and how to go on; returns the exit code.

    `stopped` says that further searches were to follow.
    """
    last, auto = outcomes[-1], request.auto is not None
    again = None
    if stopped or last.ending == Ending.INTERRUPTED:
        again = next_commands.again(request.specs, last.spec, auto=auto, same=request.again)
    return print_result(console, outcomes, quiet=request.quiet, auto=auto, again=again)
