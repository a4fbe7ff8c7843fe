"""python -m search.run: search a regime, confirm the best, compare, record."""

import os
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import optuna
import torch
from rich.console import Console

from analysis import comparison, conditions
from search import arguments, export, plan, results
from search import study as studies
from search.arguments import Command
from search.cluster import Resources, cluster, connected, resources, this_machine
from search.confirm import confirm
from search.follow import following
from search.memory import measure_share
from search.prepare import PAPERS_MODEL, Prepared, prepare, resolve_precision
from search.progress import Progress, duration
from search.recorder import connect, tracking_uri
from search.results import write
from search.show import show_table
from search.spec import SearchSpec
from search.tracking import Tracker
from search.tuner import Ending, share, tune_study
from search.versions import commit, versions
from search.worker import Job

OK, USER_ERROR, NOTHING_FOUND, INTERRUPTED = 0, 2, 3, 130


@dataclass(frozen=True)
class Outcome:
    """How a search ended: its summary (the row of the comparison table), and whether the user stopped it."""

    spec: SearchSpec
    summary: dict[str, Any]
    ending: Ending


@dataclass(frozen=True)
class Bench:
    """What searches on the same data and model share: it is loaded, sent and measured once."""

    prepared: Prepared
    job: Job
    resources: Resources
    facts: Mapping[str, Any]
    tags: Mapping[str, str]
    client: Any


def main(argv: Sequence[str] | None = None) -> int:
    """The command: parse, search, print; returns the exit code."""
    console = Console(highlight=False, soft_wrap=True)
    try:
        command = arguments.command(argv)
        for line in command.banner:
            console.print(f"NOTE     {line}", style="bold yellow")
        first = command.specs[0]
        columns = {"text_column": first.text_column, "label_column": first.label_column}
        prepared = prepare(first.data, first.model, **columns, max_tokens=first.max_tokens)
        if command.dry_run:
            return _dry_run(console, command, prepared)
        return _run(console, command, prepared)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        return INTERRUPTED


def search(spec: SearchSpec, bench: Bench, console: Console) -> Outcome:
    """Run one search, or go on with it: trials, confirmation, test, records. Its study, on disk, has everything that it found."""
    began = time.monotonic()
    spec.folder.mkdir(parents=True, exist_ok=True)
    write(spec.folder / "spec.json", spec.to_json())
    write(spec.folder / "space.md", plan.space_markdown(spec))
    study = studies.open_study(spec)
    studies.interrupt(study)
    job = replace(bench.job, regime=spec.regime, epochs=spec.epochs)
    studies.remember(study, "job", {"precision": job.precision, "threads": job.threads, "device": job.device})
    studies.remember(study, "data", {"fingerprint": bench.prepared.corpus.fingerprint, "model": bench.tags["model_fingerprint"]})
    studies.remember(study, "test_follows", bench.prepared.test is not None)
    tracker = Tracker(bench.client, spec, bench.tags)
    progress = Progress(Console(highlight=False), study, spec, {**plan.point_of(spec, {}), **spec.fix})
    plan.say_plan(console, spec, bench.resources, job.precision)
    with following(lambda: tracker.sync(study), every=1.0):
        with progress, following(progress.look, every=0.5):
            ending = tune_study(spec, study, job, bench.resources)
        if ending != Ending.INTERRUPTED and spec.confirm_top and not _confirmed(study, spec):
            confirm(spec, study, bench.prepared, job, bench.resources, console.print)
    studies.remember(study, "seconds", study.user_attrs.get("seconds", 0.0) + time.monotonic() - began)
    summary = results.write_results(study, spec, bench.facts)
    frame = comparison.table([summary])
    note = comparison.markdown(frame) + "\n" + "\n".join(f"- {line}" for line in comparison.notes([summary])) + "\n"
    write(spec.folder / "table.md", note)
    if summary["best_trial"] is not None:
        write(spec.folder / "best.yaml", export.export(spec.folder, top=1))
    from analysis.report import report  # draws, which takes a second to import: not before the first trial

    report(spec.folder)
    tracker.finish(study, summary, note, interrupted=ending == Ending.INTERRUPTED)
    return Outcome(spec, summary, ending)


def _confirmed(study: optuna.Study, spec: SearchSpec) -> bool:
    """Whether the best of the study as it is now have been confirmed already, on as many seeds."""
    done = study.user_attrs.get(results.CONFIRMED, {})
    top = [str(trial.number) for trial in studies.ranking(study)[: spec.confirm_top]]
    tested = not study.user_attrs.get("test_follows") or results.TESTED in study.user_attrs
    return bool(top) and tested and "winner" in study.user_attrs and all(len(done.get(number, {})) == spec.confirm_seeds for number in top)


def _run(console: Console, command: Command, prepared: Prepared) -> int:
    first = command.specs[0]
    uri = tracking_uri(first.tracking_uri, first.results)
    address = first.address or os.environ.get("RAY_ADDRESS")
    if not address:
        resources(this_machine(), first.cpus_per_trial, first.gpus_per_trial or 0.0, first.max_concurrent)
    if command.resume:
        _same_data(first, prepared)
    connecting = ThreadPoolExecutor(1).submit(connect, uri, first.results)  # takes seconds, as Ray does: both at once
    plan.say_data(console, prepared, first)
    outcomes: list[Outcome] = []
    with cluster(address):
        bench = set_up(first, prepared, connecting.result())
        for spec in command.specs:
            outcomes.append(search(spec, bench, console))
            if outcomes[-1].ending == Ending.INTERRUPTED:
                break
    return _report(console, outcomes, uri)


def set_up(spec: SearchSpec, prepared: Prepared, client: Any) -> Bench:
    """Send data and weights to the object store, and settle what a trial takes."""
    have = connected()
    gpu = have.gpus > 0 and spec.gpus_per_trial != 0
    precision = resolve_precision(spec.precision, gpu=gpu)
    wanted = spec.gpus_per_trial if spec.gpus_per_trial is not None else (1.0 if gpu else 0.0)
    fits = resources(have, spec.cpus_per_trial, wanted, spec.max_concurrent)
    data, pretrained = share(prepared.data, prepared.small)
    job = Job(spec.regime, data, pretrained, spec.epochs, precision, fits.device, fits.threads)
    if gpu and spec.gpus_per_trial is None:
        fits = resources(have, spec.cpus_per_trial, measure_share(spec, prepared.data, job), spec.max_concurrent)
    tags = {
        "data": spec.data,
        "data_fingerprint": prepared.corpus.fingerprint,
        "model": spec.model,
        "model_fingerprint": prepared.model_fingerprint,
        "precision": precision,
        "git_commit": commit() or "unknown",
        **{f"version.{name}": number for name, number in versions().items()},
    }
    return Bench(prepared, job, fits, facts(spec, prepared), tags, client)


def facts(spec: SearchSpec, prepared: Prepared) -> dict[str, Any]:
    """What the comparison table has to know of data and model."""
    return {
        "data": spec.data,
        "model": spec.model,
        "encoder_is_papers": spec.model == PAPERS_MODEL,
        "comparable": prepared.why_not_comparable is None,
        "why_not": prepared.why_not_comparable,
        "test_size": None if prepared.test is None else len(prepared.test),
        "validation_size": len(prepared.data.validation),
    }


def _same_data(spec: SearchSpec, prepared: Prepared) -> None:
    """Refuse to go on with other data or another model than the search began with."""
    then = studies.read_study(spec.folder).user_attrs.get("data", {})
    now = {"fingerprint": prepared.corpus.fingerprint, "model": prepared.model_fingerprint}
    for key, what in (("fingerprint", f"data '{spec.data}'"), ("model", f"model '{spec.model}'")):
        if key in then and then[key] != now[key]:
            raise ValueError(f"{what} has changed since the search began ({then[key]} then, {now[key]} now); start a new search")


def _dry_run(console: Console, command: Command, prepared: Prepared) -> int:
    first = command.specs[0]
    plan.say_data(console, prepared, first)
    for spec in command.specs:
        precision = resolve_precision(spec.precision, gpu=torch.cuda.is_available())
        fits = resources(this_machine(), spec.cpus_per_trial, spec.gpus_per_trial or 0.0, spec.max_concurrent)
        plan.say_plan(console, spec, fits, precision)
        plan.say_space(console, spec)
    console.print("nothing was run (--dry-run)")
    return OK


def _report(console: Console, outcomes: list[Outcome], uri: str) -> int:
    """The table over all searches, what it does not say, and the next commands."""
    summaries = [outcome.summary for outcome in outcomes]
    show_table(console, comparison.table(summaries))
    for line in conditions.remarks(summaries):
        console.print(f"  {line}", style="dim")
    for outcome in outcomes:
        states, name = outcome.summary["states"], outcome.spec.name
        counts = f"{states['COMPLETE']} complete, {states['PRUNED']} pruned, {states['FAIL']} failed"
        extra = {
            Ending.EXHAUSTED: "; the space holds no more configurations",
            Ending.TIME: "; the time budget was spent",
        }.get(outcome.ending, "")
        console.print(f"{name}: {counts} in {duration(outcome.summary['seconds'])}{extra}")
    last = outcomes[-1].spec
    where = "" if last.results == "results" else f" --results {shlex.quote(last.results)}"
    if outcomes[-1].ending == Ending.INTERRUPTED:
        console.print(f"stopped. Go on with: python -m search.run --resume {last.name}{where}")
        return INTERRUPTED
    found = [outcome for outcome in outcomes if outcome.summary["best_validation"] is not None]
    if not found:
        console.print("no trial came to its end: nothing was found", style="bold red")
        return NOTHING_FOUND
    best = max(found, key=lambda outcome: outcome.summary["best_validation"]).spec.name
    console.print("next:")
    if uri.startswith("sqlite"):
        console.print(f"  mlflow ui --backend-store-uri {shlex.quote(uri)}")
    console.print(f"  python -m search.export {best}{where} --out best.yaml")
    console.print("  python -m search.train best.yaml --seeds 5 --out model")
    return OK


if __name__ == "__main__":
    raise SystemExit(main())
