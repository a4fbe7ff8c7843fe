"""A search in MLflow: a parent run, a nested run per trial, and below it that trial's full runs.

Everything here is a projection of the study: `sync` logs what MLflow lacks. It can be called at any
time, any number of times, and by a later process. Only the driver logs.

MLflow may be slow, unreachable, or come back empty. After any failure the tracker reads again what
MLflow has, because a request whose answer was lost may have been received. What it sends is the
same each time, so that logging is idempotent.
"""

import hashlib
import math
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from analysis.comparison.rows import is_papers
from analysis.metric import WORDS, best_validation, other, run_score, validation
from analysis.read.summary import Summary
from search.reports import ENDED_AT, STARTED_AT, epoch_ends
from search.spec import SearchSpec
from search.study import records
from search.study.study import trials
from search.tracking import artifacts, views
from search.tracking.identity import IDENTITY, settings
from search.tracking.logged_run import LoggedRun
from search.tracking.paper_runs import log_paper
from search.tracking.recorder import OutOfTime, Recorder, test_metrics, without_password
from trainables.parts.quote import reason

STATUS = {"RUNNING": "RUNNING", "COMPLETE": "FINISHED", "PRUNED": "KILLED", "FAIL": "FAILED"}
STATE_TAG, ENDED_TAG, WINNER_TAG = "regimen.state", "regimen.trials_ended", "regimen.winner"
REPORT = "report.html"
SYNC_SECONDS = 10.0
"""A sync starts no request after that time; the next one continues."""
CLOSE_SECONDS = 2.0
"""How long `close` may take."""
FINISH_ATTEMPTS = 3
"""How often logging the results is tried."""


class Tracker:
    """One search in MLflow. `tags` describe data, model and versions and are set on every run.

    Nothing is sent before the first `sync`.
    """

    def __init__(self, client: Any, spec: SearchSpec, tags: Mapping[str, str]) -> None:
        self.spec = spec
        self.identity = (
            tags.get(IDENTITY) or hashlib.sha256(str(spec.folder).encode()).hexdigest()[:32]
        )
        all_tags = {
            "regimen.search": str(spec.name),
            "regimen.regime": spec.regime,
            "regimen.metric": spec.metric,
            **tags,
            IDENTITY: self.identity,
        }
        self.recorder = Recorder(client, all_tags, "search.run")
        self.parent: LoggedRun | None = None
        self.runs: dict[str, LoggedRun] = {}
        self.up_to_date = False
        """Whether `parent` and `runs` are what MLflow has."""
        self.paper_logged = False
        self.winner: str | None = None
        """The key of the winner's run: a trial, or a floor that no search beats; None before the
        end."""
        self.sent: set[tuple[str, str, str]] = set()
        """Artifacts that MLflow has: run, name, SHA-256."""
        self.ended = 0.0
        self.lock = threading.Lock()

    @property
    def page(self) -> str | None:
        """The path of the search's leaderboard in MLflow's UI; None before it was ever reached."""
        experiment = self.recorder.known_experiment
        return experiment and views.page(experiment, views.search_key(str(self.spec.name)))

    def sync(self, study: optuna.Study, *, within: float = SYNC_SECONDS) -> None:
        """Log what MLflow lacks of the study, or as much as fits into `within` seconds."""
        with self.lock:
            self.recorder.deadline = time.monotonic() + within
            self._sync(study, live=True)

    def finish_within(
        self,
        seconds: float,
        study: optuna.Study,
        summary: Summary,
        note: str | None,
        *,
        interrupted: bool,
    ) -> str | None:
        """`finish`, but return after `seconds` at the latest: None, or why something is missing."""
        problem: list[str | None] = [f"it did not take everything within {seconds:.0f} s"]
        deadline = time.monotonic() + seconds

        def work() -> None:
            for attempts_left in reversed(range(FINISH_ATTEMPTS)):
                try:
                    self.finish(
                        study,
                        summary,
                        note,
                        interrupted=interrupted,
                        within=deadline - time.monotonic(),
                    )
                    problem[0] = None
                    return
                except OutOfTime:
                    return
                except Exception as error:
                    uri = self.recorder.client.tracking_uri
                    problem[0] = without_password(reason(error), uri)
                if attempts_left:
                    time.sleep(1.0)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(seconds)
        return problem[0]

    def runs_missing(self, study: optuna.Study) -> int:
        """How many trials have no run yet, or one that has not ended."""
        runs = dict(self.runs)
        keys = (f"trial {trial.number}" for trial in logged_trials(study))
        return sum(key not in runs or not runs[key].done for key in keys)

    def finish(
        self,
        study: optuna.Study,
        summary: Summary,
        note: str | None,
        *,
        interrupted: bool,
        within: float = math.inf,
    ) -> None:
        """Log the rest and the results (metrics and artifacts of the parent run), and end all runs.

        Raises OutOfTime, or what MLflow's client raises; what was logged until then stays.
        """
        deadline = time.monotonic() + within
        self.recorder.deadline = time.monotonic()  # A running sync starts no further request.
        with self.lock:
            self.recorder.deadline = deadline
            self.up_to_date = False  # The server may have lost its disk since the last sync.
            self.winner = None if interrupted else _winner(summary)
            self._sync(study, live=False)
            assert self.parent is not None
            self._results(self.parent, summary, note)
            self._close(self.parent, interrupted)

    def close(self, *, interrupted: bool) -> None:
        """End the runs and log nothing more.

        If a sync keeps MLflow busy, `search.sync` ends them later.
        """
        self.recorder.deadline = time.monotonic()
        if self.lock.acquire(timeout=CLOSE_SECONDS):
            try:
                self.recorder.deadline = time.monotonic() + CLOSE_SECONDS
                if self.parent is not None:
                    self._close(self.parent, interrupted)
            finally:
                self.lock.release()

    def _sync(self, study: optuna.Study, live: bool) -> None:
        try:
            if not self.up_to_date:
                self._find()
                self.up_to_date = True
            self.ended = records.LAST_ENDED.read(study)
            parent = self._parent(study, live)
            for trial in logged_trials(study):
                self._sync_trial(parent, trial, live)
            self._progress(study, parent)
            for kind, key in (("choice", records.CHOICE_RUNS), ("report", records.REPORT_RUNS)):
                for number, runs in key.read(study).items():
                    for seed, epochs in runs.items():
                        self._sync_full_run(study, kind, number, seed, epochs)
            for regime, record in records.FLOORS.read(study).items():
                self._sync_floor(parent, regime, record)
            if not self.paper_logged:
                log_paper(self.recorder)
                self.paper_logged = True
        except OutOfTime:
            raise
        except Exception:
            self.up_to_date = self.paper_logged = False
            raise

    def _find(self) -> None:
        """Read the search's runs from MLflow."""
        self.recorder.locate(self.spec.results)
        own = views.search_view(str(self.spec.name), self.spec.metric)
        self.recorder.save_views(own | views.searches_view())
        logged = self.recorder.search(f"tags.`{IDENTITY}` = '{self.identity}'")
        children = Counter(run.data.tags.get("mlflow.parentRunId") for run in logged)
        # A late request may have made a second run with the same key. The fuller one stays.
        logged.sort(
            key=lambda run: (
                -children[run.info.run_id],
                -LoggedRun.read(run).epochs,
                run.info.run_id,
            )
        )
        runs: dict[str, LoggedRun] = {}
        for run in logged:
            key = run.data.tags.get("regimen.key", "search")
            if key in runs:
                self.recorder.delete(run)
            else:
                runs[key] = LoggedRun.read(run)
        self.parent = runs.pop("search", None)
        self.runs = runs

    def _parent(self, study: optuna.Study, live: bool) -> LoggedRun:
        if self.parent is None:
            starts = [
                trial.datetime_start.timestamp()
                for trial in logged_trials(study)
                if trial.datetime_start
            ]
            started = records.FIRST_STARTED.read(study) or min(starts, default=time.time())
            self.parent = self._start(str(self.spec.name), "search", started, {})
        if not self.parent.described:
            self.recorder.params(
                self.parent.id,
                {
                    name: value
                    for name in self.spec.names("fixed")
                    if (value := getattr(self.spec, name)) not in (None, {})
                },
            )
            self.parent.described = True
        self._add(self.parent, {}, settings(self.spec))
        self._data(self.parent)
        if live:
            self._reopen(self.parent)
        return self.parent

    def _start(
        self,
        name: str,
        kind: str,
        started: float,
        tags: Mapping[str, str],
        parent: str | None = None,
    ) -> LoggedRun:
        # MLflow keeps milliseconds. Rounded here, later log calls have the same times.
        started = round(started, 3)
        run = self.recorder.start(name, kind, parent=parent, tags=tags, started=started)
        return LoggedRun(run, started, last=started)

    def _data(self, run: LoggedRun) -> None:
        if not run.data:
            self.recorder.dataset(run.id)
            run.data = True

    def _progress(self, study: optuna.Study, parent: LoggedRun) -> None:
        """The best score so far over the trials that have ended, as a curve of the search."""
        ended = [trial for trial in trials(study) if trial.datetime_complete]
        if not ended or parent.tags.get(ENDED_TAG) == str(len(ended)):
            return
        logged = int(parent.tags.get(ENDED_TAG, 0))
        points = [point for point in best_so_far(ended) if point[0] > logged]
        tags = {ENDED_TAG: str(len(ended)), **_named(str(self.spec.name), points)}
        score = best_validation(self.spec.metric)
        self.recorder.curve(parent.id, score, points, tags)
        parent.tags |= tags
        parent.metrics |= {score: points[-1][2]} if points else {}

    def _reopen(self, run: LoggedRun) -> None:
        if run.status != "RUNNING":
            self.recorder.reopen(run.id)
            run.status = "RUNNING"
            self._add(run, {}, {STATE_TAG: "RUNNING"})

    def _run(
        self,
        key: str,
        name: str,
        kind: str,
        parent: LoggedRun,
        trial: FrozenTrial,
        seed: int,
        started: float,
        epochs: list[records.Record],
    ) -> LoggedRun:
        """The run with that key, started if there is none, with its parameters and `epochs`."""
        run = self.runs.get(key)
        if run is None:
            tags = {"regimen.trial": str(trial.number), "regimen.key": key}
            run = self.runs[key] = self._start(name, kind, started, tags, parent.id)
        if not run.described:
            self._data(run)
            values = {**records.CONFIG.read(trial), "seed": seed, "epochs": self.spec.epochs}
            if (size := self.spec.sentences_per_epoch) is not None:
                values["epoch_size"] = size
            self.recorder.params(run.id, values)
            run.described = True
        run.epochs = self.recorder.epochs(run.id, epochs, run.epochs, run.started)
        run.last = max([run.started, *epoch_ends(epochs, run.started)[-1:]])
        return run

    def _sync_trial(self, parent: LoggedRun, trial: FrozenTrial, live: bool) -> None:
        key = f"trial {trial.number}"
        if key in self.runs and self.runs[key].done:
            return
        epochs = records.epochs(trial)
        started = trial.datetime_start.timestamp() if trial.datetime_start else parent.started
        # Optuna forgets when an earlier attempt started.
        started = min([started, *(epoch[STARTED_AT] for epoch in epochs if STARTED_AT in epoch)])
        run = self._run(
            key,
            f"{self.spec.regime} {trial.number:03d}",
            "trial",
            parent,
            trial,
            self.spec.seed,
            started,
            epochs,
        )
        if trial.state.is_finished():
            self._end_trial(run, trial, epochs)
        elif live and trial.state == TrialState.RUNNING:
            self._reopen(run)

    def _end_trial(self, run: LoggedRun, trial: FrozenTrial, epochs: list[dict[str, Any]]) -> None:
        """End a trial's run, with its result in the name: `supcon 007 · 87.3`."""
        state = trial.state.name
        result = {
            "COMPLETE": percent(trial.value or 0.0),
            "PRUNED": f"pruned after {len(epochs)}",
            "FAIL": "failed",
        }[state]
        name = f"{self.spec.regime} {trial.number:03d} · {result}"
        tags = {STATE_TAG: state, **self._named(run, f"trial {trial.number}", name)}
        if failure := records.FAILURE.read(trial):
            tags["regimen.reason"] = failure
        ended = trial.datetime_complete.timestamp() if trial.datetime_complete else run.last
        self._end(run, STATUS[state], {}, tags, ended)

    def _named(self, run: LoggedRun, key: str, name: str) -> dict[str, str]:
        """The tags with a run's name and whether it is the winner; one that was says that no more
        where another has won."""
        if key == self.winner:
            return {"mlflow.runName": f"{name} · winner", WINNER_TAG: "yes"}
        return {"mlflow.runName": name, **({WINNER_TAG: "no"} if WINNER_TAG in run.tags else {})}

    def _end(
        self,
        run: LoggedRun,
        status: str,
        metrics: Mapping[str, float | None],
        tags: Mapping[str, str],
        ended: float,
    ) -> None:
        """End a run. Parts of this may have been logged before."""
        self._add(run, metrics, tags)
        run.last = max(run.last, ended)
        if run.status != status:
            self.recorder.end(run.id, status, run.last)
            run.status = status
        run.done = True

    def _add(
        self, run: LoggedRun, metrics: Mapping[str, float | None], tags: Mapping[str, str]
    ) -> None:
        """Log metrics and tags that a run lacks."""
        if new := {
            name: value
            for name, value in metrics.items()
            if value is not None and run.metrics.get(name) != value
        }:
            self.recorder.metrics(run.id, new, run.last)
            run.metrics |= new
        if changed := {name: value for name, value in tags.items() if run.tags.get(name) != value}:
            self.recorder.set_tags(run.id, changed)
            run.tags |= changed

    def _sync_full_run(
        self,
        study: optuna.Study,
        kind: str,
        number: int,
        seed: int,
        epochs: list[records.Record],
    ) -> None:
        """A run that chose the winner, or a reported one, nested in its trial's run.

        Test scores arrive later.
        """
        key, parent = f"trial {number} seed {seed}", self.runs.get(f"trial {number}")
        if parent is None or (key in self.runs and self.runs[key].done):
            return
        trial = study.get_trials(deepcopy=False)[number]
        ended = trial.datetime_complete.timestamp() if trial.datetime_complete else parent.last
        started = epochs[0].get(STARTED_AT, ended)
        name = f"{self.spec.regime} {number:03d} {kind} seed {seed}"
        run = self._run(key, name, kind, parent, trial, seed, started, epochs)
        scores = records.TEST_SCORES.of(study, number).get(seed)
        wins = kind == "report" and records.WINNER.read(study) == number
        if wins and scores is None and records.TEST_EXPECTED.read(study):
            return
        tags = {STATE_TAG: "COMPLETE"}
        if epochs:
            score = percent(run_score(epochs, self.spec.metric))
            tags["mlflow.runName"] = f"{name} · {score}"
        self._end(run, "FINISHED", test_metrics([scores] if scores else []), tags, run.last)

    def _sync_floor(self, parent: LoggedRun, regime: str, record: records.Record) -> None:
        """A floor's run. Its test scores arrive later."""
        key = f"floor {regime}"
        run = self.runs.get(key)
        name = f"{key} · {percent(record[validation(self.spec.metric)])}"
        if run is None:
            tags = {"regimen.regime": regime, "regimen.key": key}
            run = self._start(name, "floor", record[STARTED_AT], tags, parent.id)
            self.runs[key] = run
        if not run.described:
            self._data(run)
            self.recorder.params(run.id, {**record["config"], "seed": self.spec.seed})
            run.described = True
        scores = {metric: record.get(validation(metric)) for metric in WORDS}
        metrics = {
            **{validation(metric): score for metric, score in scores.items()},
            **{best_validation(metric): score for metric, score in scores.items()},
            "validation_loss": record["validation_loss"],
            **record.get("test", {}),
        }
        run.last = record[ENDED_AT]
        tags = {STATE_TAG: "COMPLETE", **self._named(run, key, name)}
        self._end(run, "FINISHED", metrics, tags, run.last)

    def _results(self, parent: LoggedRun, summary: Summary, note: str | None) -> None:
        """The results, on the parent run. A search that has grown gets new ones at a later time."""
        metric, besides, scores = summary.metric, other(summary.metric), summary.confirmed_scores
        tested = test_metrics([asdict(run) for run in summary.test])
        papers = {
            "paper_config_validation_accuracy": summary.paper_config_validation_accuracy,
            "paper_config_validation_macro_f1": summary.paper_config_validation_macro_f1,
        }
        if not is_papers([summary]):
            del tested["test_loss_paper"]
            papers = {}
        metrics = {
            **papers,
            "selection_score": None if summary.best_trial is None else summary.selection_score,
            "over_floor": _over_floor(summary),
            f"floor_{validation(metric)}": summary.floor_score,
            # The best trial's; by the metric itself, the search's run has a curve.
            best_validation(besides): getattr(summary, best_validation(besides)),
            "confirmed_accuracy": _mean(summary.confirmed_accuracy),
            "confirmed_macro_f1": _mean(summary.confirmed_macro_f1),
            **tested,
        }
        parent.last = max([parent.last, *(run.last for run in self.runs.values())])
        if note and (self.spec.folder / REPORT).exists():
            # MLflow's UI lists artifacts behind their folders; this is one click.
            link = views.artifact(self.recorder.experiment, parent.id, REPORT)
            # The result's sentences come first; tables of earlier versions have none.
            at = 0 if note.startswith("| ") else note.find("\n| ") + 1
            note = f"{note[:at]}[The report]({link})\n\n{note[at:]}"
        tags = {"mlflow.note.content": note} if note else {}
        if scores:
            tags["mlflow.runName"] = f"{self.spec.name} · {percent(fmean(scores))} confirmed"
        self._add(parent, metrics, tags)
        self._artifacts(parent)

    def _artifacts(self, parent: LoggedRun) -> None:
        """Log the files that have changed. A tag holds a digest of those that MLflow has."""
        flat = artifacts.FLAT_DIGEST in parent.tags
        tag = artifacts.FLAT_DIGEST if flat else artifacts.DIGEST
        files = artifacts.files(self.spec.folder)
        overall = artifacts.digest(files)
        if parent.tags.get(tag) == overall:
            return
        for path, digest in files.items():
            if (parent.id, path.name, digest) not in self.sent:
                self.recorder.artifact(parent.id, path, artifacts.place(path, flat=flat))
                self.sent.add((parent.id, path.name, digest))
        self._add(parent, {}, {tag: overall})

    def _close(self, parent: LoggedRun, interrupted: bool) -> None:
        """End the parent run and interrupted runs. A resumed search continues in the same runs."""
        for run in self.runs.values():
            if not run.done and run.status != "KILLED":
                self.recorder.end(run.id, "KILLED", run.last)
                run.status = "KILLED"
                self._add(run, {}, {STATE_TAG: "INTERRUPTED"})
        state = "INTERRUPTED" if interrupted else "COMPLETE"
        self._add(parent, {}, {STATE_TAG: state})
        status = "KILLED" if interrupted else "FINISHED"
        if parent.status != status:
            self.recorder.end(
                parent.id,
                status,
                max([self.ended, parent.last, *(run.last for run in self.runs.values())]),
            )
            parent.status = status


def _winner(summary: Summary) -> str | None:
    """The key of the winner's run."""
    if summary.floor_wins and summary.best_floor is not None:
        return f"floor {summary.best_floor.regime}"
    return None if summary.winner is None else f"trial {summary.winner}"


def _over_floor(summary: Summary) -> float | None:
    """The winner's mean on the report seeds minus the best floor, which without them is the score
    that chose it."""
    if summary.best_trial is None or summary.floor_score is None:
        return None
    mean = _mean(summary.confirmed_scores)
    return (summary.selection_score if mean is None else mean) - summary.floor_score


def logged_trials(study: optuna.Study) -> list[FrozenTrial]:
    """Trials that have a run: started ones, and queued ones that have epochs already."""
    queued = study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
    return trials(study) + [
        trial for trial in queued if records.CONFIG.recorded(trial) and records.epochs(trial)
    ]


def best_so_far(ended: Sequence[FrozenTrial]) -> list[tuple[int, float, float]]:
    """Of trials that have ended: how many there were, the time, and the best complete score.

    There is no point before the first complete trial.
    """
    points, best = [], None
    for number, trial in enumerate(sorted(ended, key=_ended_at), 1):
        if trial.state == TrialState.COMPLETE:
            best = max(trial.value or 0.0, best or 0.0)
        if best is not None:
            points.append((number, _ended_at(trial)[0], best))
    return points


def _mean(scores: Sequence[float]) -> float | None:
    return fmean(scores) if scores else None


def percent(fraction: float) -> str:
    """A score in the name of a run: `87.3`."""
    return f"{100 * fraction:.1f}"


def _ended_at(trial: FrozenTrial) -> tuple[float, int]:
    assert trial.datetime_complete is not None
    return trial.datetime_complete.timestamp(), trial.number


def _named(name: str, points: Sequence[tuple[int, float, float]]) -> dict[str, str]:
    """A search's name with its best score, as a tag."""
    if not points:
        return {}
    return {"mlflow.runName": f"{name} · {percent(points[-1][2])}"}
