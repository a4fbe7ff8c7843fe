"""The course of a search: its trials, the confirmation of the best, the records; and of a command's
searches, one after the other."""

import argparse
import contextlib
import os
import shlex
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import optuna
import torch
from rich.console import Console

import trainables
from analysis.comparison import conditions
from analysis.comparison import numbers as comparison
from analysis.text import duration
from search import arguments, export
from search.arguments import Command
from search.cluster.resources import resources, this_machine
from search.command import INTERRUPTED, NOTHING_FOUND, OK
from search.context import Context, set_up
from search.inputs import Prepared, prepare, resolve_precision
from search.outputs import tables as results
from search.outputs.tables import write
from search.planning import estimate
from search.polling import following
from search.signals import Stop
from search.spec import SearchSpec
from search.study import records
from search.study import study as studies
from search.study.lock import alone
from search.terminal import next_commands as onward
from search.terminal import plan
from search.terminal.console import Quiet, show_table
from search.terminal.progress import Progress
from search.tracking.recorder import connect, tracking_uri
from search.tracking.tracker import Tracker, conclude, identify
from search.trials.confirmation import confirm
from search.trials.tuner import Ending, tune_study
from search.trials.worker import Job, reason

PATIENCE = 30.0
"""Seconds that MLflow gets for what it lacks when all is over."""


@dataclass(frozen=True)
class Outcome:
    """How a search ended: its summary (the row of the comparison table), and whether the user
    stopped it."""

    spec: SearchSpec
    summary: dict[str, Any]
    ending: Ending


def follow_command(args: argparse.Namespace, stop: Stop) -> int:
    """Search on the cluster that is connected, or say what that would be, and print; returns the
    exit code.

    Raises ValueError for what the user has to mend, OSError where the machine fails.
    """
    console = Quiet(highlight=False, soft_wrap=True, markup=False)
    command = arguments.command(args)
    for line in command.banner:
        console.print(f"NOTE     {line}", style="bold yellow")
    first = command.specs[0]
    columns = {"text_column": first.text_column, "label_column": first.label_column}
    prepared = prepare(first.data, first.model, **columns, max_tokens=first.max_tokens)
    return (
        _dry_run(console, command, prepared)
        if command.dry_run
        else _run(console, command, prepared, stop)
    )


def _run(console: Console, command: Command, prepared: Prepared, stop: Stop) -> int:
    first = command.specs[0]
    uri = tracking_uri(first.tracking_uri, first.results)
    connecting = ThreadPoolExecutor(1).submit(
        connect, uri, first.results
    )  # takes seconds, as workers do: both at once
    console.quiet = command.quiet
    plan.say_data(console, prepared, first)
    context = set_up(command.specs, prepared)
    client = connecting.result()
    outcomes: list[Outcome] = []
    for spec in command.specs:
        console.quiet = command.quiet
        outcomes.append(search(spec, context, client, console, stop, resume=command.resume))
        if outcomes[-1].ending == Ending.INTERRUPTED:
            break
    console.quiet = False
    return _report(console, outcomes, uri, quiet=command.quiet)


def search(
    spec: SearchSpec,
    context: Context,
    client: Any,
    console: Console,
    stop: Stop,
    *,
    resume: bool = False,
) -> Outcome:
    """Run one search, or go on with it: trials, confirmation, test, records.

    Its study, on disk, has everything that it found.

    Raises ValueError where it is there already, is running in another process, or began with other
    data, model or machine.
    """
    began = time.monotonic()
    spec.folder.mkdir(parents=True, exist_ok=True)
    with alone(spec.folder):
        if not resume:
            spec.named()
            write(spec.folder / "spec.json", spec.to_json())
        study = studies.open_study(spec)
        job = replace(context.job, regime=spec.regime, epochs=spec.epochs)
        _same_conditions(study, spec, context)
        write(spec.folder / "spec.json", spec.to_json())
        write(spec.folder / "space.md", plan.space_markdown(spec))
        studies.interrupt(study)
        tracker = Tracker(client, spec, identify(study, context.tags))
        plan.say_plan(console, spec, context.resources, job.precision)
        try:
            with following(lambda: tracker.sync(study), every=1.0):
                ending = _try(spec, study, job, context, console, stop)
            conclude(study, ending.name)
            records.SECONDS.write(study, records.SECONDS.read(study) + time.monotonic() - began)
            summary = _record(spec, study, context)
            _draw(spec, console)
        except BaseException:
            with contextlib.suppress(Exception):
                tracker.close(interrupted=True)
            raise
        note = (spec.folder / "table.md").read_text(encoding="utf-8")
        lacking = tracker.finish_within(
            PATIENCE, study, summary, note, interrupted=ending == Ending.INTERRUPTED
        )
        if lacking:
            console.print(
                f"NOTE     MLflow lacks some of this ({lacking}); the rest is logged by:"
                f" {onward.sync(spec)}",
                style="bold yellow",
            )
    return Outcome(spec, summary, ending)


def _try(
    spec: SearchSpec, study: optuna.Study, job: Job, context: Context, console: Console, stop: Stop
) -> Ending:
    """Trials, then the confirmation of the best; the user may stop either.

    A quiet console is not quiet afterwards.
    """
    paper = trainables.load(spec.regime).Config.from_dict(spec.fix).to_dict()
    try:
        with Progress(
            Quiet(highlight=False, markup=False),
            study,
            spec,
            paper,
            context.resources,
            console.quiet,
        ) as progress:
            with following(progress.look, every=0.5):
                ending = tune_study(spec, study, job, context.resources, stop)
            progress.look()
        if ending != Ending.INTERRUPTED and spec.confirm_top:
            confirm(spec, study, context.prepared, job, context.resources, console.print)
    except KeyboardInterrupt:
        return Ending.INTERRUPTED
    finally:
        console.quiet = False  # what is recorded comes next, and if that goes wrong it is said
    return ending


def _record(spec: SearchSpec, study: optuna.Study, context: Context) -> dict[str, Any]:
    """Everything in the search's folder that is made from its study, but the report; returns the
    summary."""
    summary = results.write_results(study, spec, context.facts, context.prepared.corpus)
    write(spec.folder / "table.md", comparison.note([summary]) + _onward(spec, summary))
    if summary["best_trial"] is not None:
        write(spec.folder / "best.yaml", export.export(spec.folder, top=1))
    return summary


def _draw(spec: SearchSpec, console: Console) -> None:
    """The report, of files that are there already: what goes wrong in drawing takes nothing from
    the search.

    But for a full disk, which raises OSError.
    """
    try:
        from analysis.report import report  # takes a second to import: not before the first trial

        report(spec.folder)
    except OSError:
        raise
    except Exception as error:
        console.print(
            f"NOTE     the report was not drawn: {reason(error)}; again by: {onward.report(spec)}",
            style="bold yellow",
        )


def _onward(spec: SearchSpec, summary: dict[str, Any]) -> str:
    """Where to look and how to go on, as Markdown below the table:

    MLflow shows both as the run's description.
    """
    if summary["best_trial"] is None:
        return ""
    commands = f"```sh\n{onward.export(spec)}\n{onward.train(spec)}\n```"
    return f"\nFigures and errors: `report.html` among the artifacts. To go on:\n\n{commands}\n"


def _same_conditions(study: optuna.Study, spec: SearchSpec, context: Context) -> None:
    """Refuse to go on with other data, another model or arithmetic than the search began with;
    remember them where it begins."""
    now = {
        "data": context.tags["data_fingerprint"],
        "model": context.tags["model_fingerprint"],
        "precision": context.job.precision,
        "threads": context.job.threads,
        "device": context.job.device,
    }
    then = records.CONDITIONS.read(study) or now
    for name in now:
        if then[name] != now[name]:
            raise ValueError(
                f"{name} is not what '{spec.name}' began with ({then[name]} then, {now[name]} now);"
                " start a new search"
            )
    records.CONDITIONS.write(study, now)
    records.TEST_EXPECTED.write(study, context.prepared.test is not None)


def _dry_run(console: Console, command: Command, prepared: Prepared) -> int:
    first, gpu = command.specs[0], torch.cuda.is_available()
    address = first.address or os.environ.get("RAY_ADDRESS")
    plan.say_data(console, prepared, first)
    if address:
        plan.say(
            console,
            "note",
            f"planned for this machine; the cluster at {address} may have more",
            style="yellow",
        )
    times = []
    for spec in command.specs:
        precision = resolve_precision(spec.precision, gpu=gpu and spec.gpus_per_trial != 0)
        wanted = float(gpu) if spec.gpus_per_trial is None else spec.gpus_per_trial
        fits = resources(this_machine(), spec.cpus_per_trial, wanted, spec.max_concurrent)
        plan.say_plan(console, spec, fits, precision)
        if gpu and spec.gpus_per_trial is None:
            plan.say(
                console,
                "note",
                "how many trials share a GPU is measured when the search begins; planned with one",
                style="yellow",
            )
        ended = estimate.ended(spec) if command.resume else 0
        try:
            with console.status("measuring trial 0 on a few sentences", refresh_per_second=2):
                measured = estimate.measure(
                    spec, prepared, fits, precision, estimate.SECONDS / len(command.specs)
                )
        except Exception as error:  # as a trial's: whatever a regime raises there
            plan.say(
                console,
                "note",
                f"trial 0 fails on a few sentences: {reason(error)}",
                style="bold yellow",
            )
        else:
            times.append(
                plan.say_estimate(console, spec, measured, fits, ended, len(prepared.data.train))
            )
        plan.say_space(console, spec)
    if len(times) > 1:
        plan.say(
            console,
            "time",
            f"of all {len(times)} searches:"
            f" {plan.roughly(sum(time.likely + time.confirmation for time in times))}",
        )
    console.print("nothing was run (--dry-run)")
    return OK


def _report(console: Console, outcomes: list[Outcome], uri: str, *, quiet: bool) -> int:
    """The table over all searches, what it does not say, and the next commands.

    Where `quiet`, no more of it than what went otherwise than planned.
    """
    summaries = [outcome.summary for outcome in outcomes]
    show_table(console, comparison.table(summaries))
    for line in [] if quiet else conditions.remarks(summaries):
        plan.say(console, "", line, style="dim", width=2)
    for outcome in outcomes:
        states, name = outcome.summary["states"], outcome.spec.name
        counts = (
            f"{states['COMPLETE']} complete, {states['PRUNED']} pruned, {states['FAIL']} failed"
        )
        extra = {
            Ending.EXHAUSTED: "; the space holds no more configurations",
            Ending.TIME: "; the time budget was spent",
            Ending.HOPELESS: "; stopped, because the first trials failed for one reason",
        }.get(outcome.ending, "")
        if extra or not quiet:
            console.print(f"{name}: {counts} in {duration(outcome.summary['seconds'])}{extra}")
    last = outcomes[-1].spec
    if outcomes[-1].ending == Ending.INTERRUPTED:
        console.print(f"stopped. Go on with: {onward.resume(last)}")
        return INTERRUPTED
    found = [
        outcome for outcome in outcomes if outcome.summary["best_validation_accuracy"] is not None
    ]
    if not found:
        console.print("no trial came to its end: nothing was found", style="bold red")
        return NOTHING_FOUND
    best = max(found, key=lambda outcome: _chosen_by(outcome.summary)).spec
    console.print("next:")
    console.print(f"  {_browse(uri)}")
    console.print(f"  {onward.export(best)}")
    console.print(f"  {onward.train(best)}")
    return OK


def _browse(uri: str) -> str:
    """What shows MLflow's pages: a command where they have to be served, else their address.

    No password is printed.
    """
    scheme = urlsplit(uri).scheme
    if scheme in ("http", "https"):
        return urlunsplit(urlsplit(uri)._replace(netloc=urlsplit(uri).netloc.rpartition("@")[2]))
    if uri == os.environ.get("MLFLOW_TRACKING_URI") and "@" in uri:
        return 'mlflow ui --backend-store-uri "$MLFLOW_TRACKING_URI"'
    return (
        uri
        if scheme == "databricks" or uri == "databricks"
        else f"mlflow ui --backend-store-uri {shlex.quote(uri)}"
    )


def _chosen_by(summary: dict[str, Any]) -> float:
    """What searches are chosen by: what chose their winners, else their best.

    What is reported chooses nothing.
    """
    chosen: float | None = summary["choice_accuracy"]
    return summary["best_validation_accuracy"] if chosen is None else chosen
