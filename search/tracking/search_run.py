"""The run of the search itself: its settings, its best score so far, its results and files."""

import time
from collections.abc import Mapping, Sequence
from statistics import fmean

import optuna

from analysis.metric import best_validation_field
from analysis.read.folder import REPORT_FILE
from analysis.read.summary import Summary
from search.study import records
from search.study.study import trials
from search.tracking import artifacts, views
from search.tracking.identity import settings
from search.tracking.logged_run import LoggedRun
from search.tracking.nested_runs import logged_trials, trial_key
from search.tracking.recorder import NOTE_TAG, STATE_TAG
from search.tracking.result_metrics import best_so_far, percent_number, summary_metrics
from search.tracking.result_tags import result_tags
from search.tracking.runs import SearchRuns

ENDED_TAG = "regimen.trials_ended"

Sent = set[tuple[str, str, str]]
"""Artifacts that MLflow has: run, name, SHA-256."""


def log_search(runs: SearchRuns, study: optuna.Study, *, live: bool) -> LoggedRun:
    """The search's run, started if there is none, with its settings; `live`: it goes on."""
    if runs.search is None:
        started = records.FIRST_STARTED.read(study) or _first_start(study)
        runs.search = LoggedRun.start(runs.recorder, str(runs.spec.name), "search", started, {})
    run, spec = runs.search, runs.spec
    if not run.described:
        values = {name: getattr(spec, name) for name in spec.names("fixed")}
        run.log_params({name: value for name, value in values.items() if value not in (None, {})})
    run.log({}, settings(spec))
    run.log_data()
    if live:
        run.reopen()
    return run


def log_best_so_far(run: LoggedRun, runs: SearchRuns, study: optuna.Study) -> None:
    """The best score so far over the trials that have ended, as a curve of the search."""
    ended = [trial for trial in trials(study) if trial.datetime_complete]
    if not ended or run.tags.get(ENDED_TAG) == str(len(ended)):
        return
    logged = int(run.tags.get(ENDED_TAG, 0))
    points = [point for point in best_so_far(ended) if point[0] > logged]
    tags = {ENDED_TAG: str(len(ended)), **_best_in_name(str(runs.spec.name), points)}
    score = best_validation_field(runs.spec.metric)
    runs.recorder.curve(run.id, score, points, tags)
    run.tags |= tags
    run.metrics |= {score: points[-1][2]} if points else {}


def log_results(
    run: LoggedRun, runs: SearchRuns, summary: Summary, note: str | None
) -> dict[str, str]:
    """The results. A search that has grown gets new ones at a later time. Returns the tags that say
    what it found.

    `note`: the table of results in Markdown, which MLflow shows in the run's page.
    """
    run.last = max([run.last, *(nested.last for nested in runs.nested.values())])
    if note and (runs.spec.folder / REPORT_FILE).exists():
        note = _linked(note, views.artifact(runs.recorder.experiment, run.id, REPORT_FILE))
    answer = result_tags(runs.spec, summary)
    tags = _replacing(run, answer)
    tags |= {NOTE_TAG: note} if note else {}
    if scores := summary.confirmed_scores:
        tags["mlflow.runName"] = f"{runs.spec.name} · {percent_number(fmean(scores))} confirmed"
    run.log(summary_metrics(summary), tags)
    for key, nested in runs.nested.items():
        # What is confirmed is a configuration's, also where a floor wins.
        wins = key == runs.winner and not summary.floor_wins
        if tags := _replacing(nested, answer if wins else {}):
            nested.log({}, tags)
    return answer


def log_artifacts(run: LoggedRun, runs: SearchRuns, sent: Sent) -> None:
    """The files that have changed. A tag holds a digest of those that MLflow has."""
    flat = artifacts.FLAT_DIGEST in run.tags
    tag = artifacts.FLAT_DIGEST if flat else artifacts.DIGEST
    files = artifacts.files(runs.spec.folder)
    overall = artifacts.digest(files)
    if run.tags.get(tag) == overall:
        return
    for path, digest in files.items():
        if (run.id, path.name, digest) not in sent:
            runs.recorder.artifact(run.id, path, artifacts.artifact_folder(path, flat=flat))
            sent.add((run.id, path.name, digest))
    run.log({}, {tag: overall})


def end_search(run: LoggedRun, runs: SearchRuns, ended: float, *, interrupted: bool) -> None:
    """End the search's run and interrupted ones. A resumed search continues in the same runs."""
    for nested in runs.nested.values():
        nested.interrupt()
    run.log({}, {STATE_TAG: "INTERRUPTED" if interrupted else "COMPLETE"})
    last = max([ended, run.last, *(nested.last for nested in runs.nested.values())])
    run.end("KILLED" if interrupted else "FINISHED", last)


def winner_key(summary: Summary) -> str | None:
    """The key of the winner's run."""
    if summary.floor_wins and summary.best_floor is not None:
        return f"floor {summary.best_floor.regime}"
    return None if summary.winner is None else trial_key(summary.winner)


def confirmed_score(summary: Summary) -> str | None:
    """The winner's mean score on fresh seeds, in percent; None for a floor, or if unknown."""
    if summary.floor_wins or not summary.confirmed_scores:
        return None
    return percent_number(fmean(summary.confirmed_scores))


def _replacing(run: LoggedRun, answer: Mapping[str, str]) -> dict[str, str]:
    """The answer's tags; those that are no longer known, or another run's now, become empty."""
    return {name: "" for name in views.ANSWER if run.tags.get(name)} | dict(answer)


def _first_start(study: optuna.Study) -> float:
    """When the first trial started, in seconds since 1970; now if none has."""
    starts = (trial.datetime_start for trial in logged_trials(study))
    return min((start.timestamp() for start in starts if start), default=time.time())


def _best_in_name(name: str, points: Sequence[tuple[int, float, float]]) -> dict[str, str]:
    """A search's name with its best score, as a tag."""
    if not points:
        return {}
    return {"mlflow.runName": f"{name} · {percent_number(points[-1][2])}"}


def _linked(note: str, link: str) -> str:
    """The note behind a link to the report: MLflow's UI folds what is below the first lines, and
    lists artifacts behind their folders."""
    return f"[The report]({link})\n\n{note}"
