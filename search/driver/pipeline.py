"""One search from start to end: trials, choice and report runs, records."""

import contextlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
from rich.console import Console

import trainables
from analysis.atomic import write
from analysis.comparison import table as comparison
from analysis.evidence import Evidence
from analysis.page.markdown import escaped
from analysis.read.folder import RECIPE_FILE, SPACE_TABLE_FILE, SPEC_FILE, TABLE_FILE
from analysis.read.summary import Summary
from search.cluster.capacity import Capacity
from search.cluster.watchdog import hint
from search.driver.context import Context
from search.driver.outcome import Outcome
from search.outputs import recipe
from search.outputs import tables as results
from search.planning.queue import Queue
from search.polling import polling
from search.signals import Stop
from search.spec import SearchSpec
from search.study import records
from search.study import study as studies
from search.study.lock import search_lock
from search.study.winner_records import test_scores
from search.terminal import next_commands, plan, space
from search.terminal.console import SafeConsole
from search.terminal.outcome import errors, result
from search.terminal.progress import Progress
from search.tracking.identity import changed_versions, conclude, identify
from search.tracking.tracker import Tracker
from search.trials.choice_and_report import ChoiceAndReport
from search.trials.ending import Ending
from search.trials.floors import Floors, SharedJob
from search.trials.job import Job
from search.trials.tuner import RunsAfter, run_trials
from search.trials.worker import failure_reason

FLOOR_SECONDS = 20.0
"""How long trials wait for the floors; then they run beside them."""
TRACKING_SECONDS = 1.0
"""Between two updates of MLflow while trials run."""
PROGRESS_SECONDS = 0.5
"""Between two updates of the terminal."""
FINAL_TRACKING_SECONDS = 30.0
"""What MLflow gets at the end for what it still lacks of a search, unless that is much."""
FINAL_TRACKING_SECONDS_PER_RUN = 0.5
"""What it gets on top for each trial's run that it lacks, unless the search was interrupted."""


def run_search(
    spec: SearchSpec,
    context: Context,
    client: Any,
    console: Console,
    stop: Stop,
    *,
    resume: bool = False,
    interim: bool = False,
    queue: Queue | None = None,
    again: str = "",
) -> Outcome:
    """Run a search, or continue one. All results are in its study, on disk.

    `interim`: it is continued soon, and its report is drawn then. `queue`: the command's searches,
    of which it is the next. `again`: how the user continues it.

    Raises ValueError where the search exists already, runs in another process, or began with other
    data, another model or another kind of machine.
    """
    quiet = console.quiet
    again = again or next_commands.resume(spec)
    stop.limit(spec.stop_within, f"stopped. Continue with: {again}\n")
    spec.folder.mkdir(parents=True, exist_ok=True)
    instead = "" if resume else "; choose another --name"
    with search_lock(spec.folder, instead), stop.delayed():
        if not resume:
            spec.named()
            write(spec.folder / SPEC_FILE, spec.to_json())
        study = studies.open_study(spec)
        hint(again)
        job = replace(context.job, regime=spec.regime, epochs=spec.epochs)
        _check_conditions(study, spec, context)
        write(spec.folder / SPEC_FILE, spec.to_json())
        write(spec.folder / SPACE_TABLE_FILE, space.markdown(spec))
        studies.interrupt(study)
        if changed := changed_versions(study, context.tags):
            console.print(
                f"NOTE     '{spec.name}' last ran with other versions ({'; '.join(changed)}):"
                " results may differ from those of earlier trials",
                style="bold yellow",
            )
        tracker = Tracker(client, spec, identify(study, context.tags))
        queue = queue or queue_of([spec], context, interim=interim)
        plan.print_plan(console, spec, context.resources, job.precision, queue.position)
        if (begun := len(studies.trials(study))) > spec.trials:
            plan.print_surplus(console, begun, spec.trials)
        try:
            with polling(lambda: tracker.sync(study), every=TRACKING_SECONDS):
                ending = _run_trials(spec, study, job, context, console, stop, queue)
            after_runs = time.monotonic()
            conclude(study, ending.name)
            if ending == Ending.INTERRUPTED and spec.stop_within is not None:
                # First what matters, should the time end before the tables and the report.
                console.print(f"stopped. Continue with: {again}")
            with _busy(console, quiet, "writing the tables and the report"):
                summary = write_records(spec, study, context)
                # Last of the files, and not while something waits for the end.
                if ending != Ending.INTERRUPTED:
                    results.write_importances(study, spec.folder)
                if not interim:
                    draw_report(spec.folder, console)
        except BaseException:
            with contextlib.suppress(Exception):
                tracker.close(interrupted=True)
            raise
        if _finish_tracking(tracker, spec, study, summary, ending, console) and not interim:
            records.PAGE.write(study, tracker.page)
            records.ALL_WRITTEN.write(study, True)
        queue.learn_end(time.monotonic() - after_runs)
    return Outcome(spec, summary, ending, tracker.page)


def _busy(
    console: Console, quiet: bool, activity: str
) -> contextlib.AbstractContextManager[object]:
    """In the block, a terminal shows what is being done."""
    return contextlib.nullcontext() if quiet else console.status(activity, refresh_per_second=2)


def queue_of(specs: Sequence[SearchSpec], context: Context, *, interim: bool = False) -> Queue:
    """Searches that run one after the other."""
    floors, slots, data = context.floors, context.resources.slots, context.prepared.data
    if data.folds is None:
        part = (data.per_epoch + len(data.validation)) / (len(data.train) + len(data.validation))
    else:
        part = float(data.folds - 1)  # Encoded once; each fold trains on all but its own.
    return Queue(specs, slots, lambda: floors.encode_seconds, part, interim=interim)


def _run_trials(
    spec: SearchSpec,
    study: optuna.Study,
    job: Job,
    context: Context,
    console: Console,
    stop: Stop,
    queue: Queue,
) -> Ending:
    """Trials, then the choice and report runs; the user may stop either.

    Afterwards a quiet console prints again, so that what fails in recording is shown.
    """
    paper = trainables.load(spec.regime).Config.from_dict(spec.fix).to_dict()
    live, capacity = SafeConsole(highlight=False, markup=False), Capacity(context.resources)
    say, check = console if console.quiet else live, stop.check
    try:
        context.floors.encode()
        late = not _take_floors(study, context.floors, console, FLOOR_SECONDS, check)
        always_read = trainables.load(spec.regime).Config().reads_encoded
        job = replace(job, encoded=context.floors.encoded(wait=always_read))
        shared = SharedJob(job, context.floors)
        time_left = queue.time_left(spec)
        with Progress(
            live, study, spec, paper, capacity, console.quiet, time_left, queue
        ) as progress:

            def update() -> None:
                nonlocal late
                late = late and not _take_floors(study, context.floors, say, 0.0)
                progress.update()
                if stop.asked:
                    progress.print_stopping()

            runs_after = None
            if spec.confirm_top:
                rounds = ChoiceAndReport(spec, study, context.prepared)
                runs_after = RunsAfter(rounds, lambda: context.test_inputs, progress)
            with polling(update, every=PROGRESS_SECONDS):
                ending = run_trials(
                    spec, study, shared, capacity, context.workers, stop, runs_after
                )
            progress.update()
            if ending == Ending.INTERRUPTED:
                if progress.runs is not None:  # They may have ended before the next update.
                    progress.print_stopping()
                return ending
            if late:
                _take_floors(study, context.floors, say, math.inf, check)
            if spec.confirm_top:
                with polling(progress.update, every=PROGRESS_SECONDS):
                    _test_floors(study, context.floors, check)
        queue.learn(time_left)
    except KeyboardInterrupt:
        say.print("stopping: finished runs are recorded; press again to abort")
        return Ending.INTERRUPTED
    finally:
        console.quiet = False
    return ending


def _take_floors(
    study: optuna.Study,
    floors: Floors,
    console: Console,
    within: float,
    check: Callable[[], None] = lambda: None,
) -> bool:
    """Record and print the floors, if they end within so many seconds; whether they did.

    Those of an earlier process or search are not run again.
    """
    if not records.FLOORS.recorded(study):
        floors.start()
        if not floors.collect(within, check):
            return False
        for regime, right in floors.correct.items():
            records.floor_correct("validation", regime).write(study, records.bits(right))
        records.FLOORS.write(study, floors.found)
    metric = floors.prepared.data.metric
    plan.print_floors(console, records.FLOORS.read(study), floors.failures, metric)
    return True


def _test_floors(study: optuna.Study, floors: Floors, check: Callable[[], None]) -> None:
    """Record the floors' test scores, once the winner has its own."""
    floor_records = records.FLOORS.read(study)
    if not test_scores(study) or all("test" in record for record in floor_records.values()):
        return
    for regime, tested in floors.test(floor_records, check).items():
        records.floor_correct("test", regime).write(study, records.bits(tested.correct))
        floor_records[regime]["test"] = tested.scores
    records.FLOORS.write(study, floor_records)


def require_same_conditions(spec: SearchSpec, context: Context) -> None:
    """Refuse to continue a search with other data, another model or other arithmetic.

    Writes nothing, so that a refused search stays as it was. Raises ValueError.
    """
    try:
        study = studies.read_study(spec.folder)
    except ValueError:  # It has not begun, or it is damaged: opening it says so.
        return
    _conditions(study, spec, context)


def _check_conditions(study: optuna.Study, spec: SearchSpec, context: Context) -> None:
    """Record the data, model and arithmetic of a new search; refuse to continue it with others."""
    records.CONDITIONS.write(study, _conditions(study, spec, context))
    records.TEST_EXPECTED.write(study, context.prepared.test is not None)


def _conditions(study: optuna.Study, spec: SearchSpec, context: Context) -> dict[str, Any]:
    """The data, model and arithmetic. Raises ValueError where the study began with others."""
    now = {
        "data": context.tags["data_fingerprint"],
        "model": context.tags["model_fingerprint"],
        "precision": context.job.precision,
        "threads": context.job.threads,
        "device": context.job.device,
        "metric": spec.metric,
    }
    # Journals of earlier versions name no metric.
    then = {"metric": "accuracy", **(records.CONDITIONS.read(study) or now)}
    for name in now:
        if then[name] != now[name]:
            raise ValueError(
                f"{name} has changed since '{spec.name}' began ({then[name]} then, {now[name]}"
                " now); start a new search"
            )
    return now


def write_records(spec: SearchSpec, study: optuna.Study, context: Context) -> Summary:
    """Write every file that is made from the study, except the report; returns the summary."""
    known = {**context.facts, "machine": context.hardware}
    summary = results.write_results(study, spec, known, context.prepared.corpus)
    evidence = Evidence.beside(spec.folder.parent, [summary])
    sentences = [*result([summary], evidence), *errors([summary], spec.folder.parent)]
    note = "".join(f"{escaped(sentence)}\n\n" for sentence in sentences)
    note += comparison.note([summary], evidence, spec.results_flag)
    note += _next_steps(spec, summary, evidence)
    write(spec.folder / TABLE_FILE, note)
    if summary.best_trial is not None or summary.floors:
        write(spec.folder / RECIPE_FILE, recipe.export(spec.folder, top=1))
    return summary


def _next_steps(spec: SearchSpec, summary: Summary, evidence: Evidence) -> str:
    """The next commands in Markdown, for below the table: MLflow shows both in the run's page."""
    if summary.best_trial is None:
        return ""
    commands = "\n".join(command for _, command in next_commands.after(spec, summary, evidence))
    return (
        f"\nFigures and misclassified texts: `report.html`. Next steps:\n\n```sh\n{commands}\n```\n"
    )


def draw_report(folder: Path, console: Console) -> None:
    """Draw the report of a search, or of all in a folder, from the written files.

    A failure is printed, and the search goes on. Raises OSError where the disk fails.
    """
    try:
        from analysis.report import report  # Imported late: it takes a second.

        report(folder)
    except OSError:
        raise
    except Exception as error:
        console.print(
            f"NOTE     the report could not be drawn: {failure_reason(error)}; to try again:"
            f" {next_commands.report(folder)}",
            style="bold yellow",
        )


def _finish_tracking(
    tracker: Tracker,
    spec: SearchSpec,
    study: optuna.Study,
    summary: Summary,
    ending: Ending,
    console: Console,
) -> bool:
    """Log the rest to MLflow, or print the command that does; whether nothing is missing."""
    note = (spec.folder / TABLE_FILE).read_text(encoding="utf-8")
    interrupted, seconds = ending == Ending.INTERRUPTED, FINAL_TRACKING_SECONDS
    if not interrupted:
        seconds += FINAL_TRACKING_SECONDS_PER_RUN * tracker.runs_missing(study)
    missing = tracker.finish_within(seconds, study, summary, note, interrupted=interrupted)
    if missing:
        console.print(
            f"NOTE     MLflow lacks some of this ({missing}); to log the rest:"
            f" {next_commands.sync(spec)}",
            style="bold yellow",
        )
    return not missing
