"""A search in MLflow: a parent run, a nested run a trial, and below a trial its runs on other
seeds.

Everything here is a projection of the study: `sync` logs what MLflow does not have yet, and can be
called at any time, any number of times, also by another process later. Only the driver logs.

MLflow may be slow, away, or come back empty. After anything that failed, the tracker believes only
what it reads in MLflow again: a request whose answer was lost may have been received. And whatever
it sends is the same each time, so that once more changes nothing.
"""

import hashlib
import math
import threading
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from search.outputs.tables import CONFIRMED, REPORTED, TESTED, WINNER
from search.spec import SearchSpec
from search.study import study as studies
from search.tracking.recorder import OutOfTime, Recorder, log_paper, one_line, test_metrics
from search.trials.system_metrics import BEGAN, ends

STATUS = {"RUNNING": "RUNNING", "COMPLETE": "FINISHED", "PRUNED": "KILLED", "FAIL": "FAILED"}
ARTIFACTS = (".json", ".csv", ".yaml", ".md", ".html")
FIGURES = "report_figures/*.svg"
TAGS, ENDING = "tags", "ending"
"""Attributes of the study: what stands on every run of the search, and how the search ended
last."""
FIRST_BEGAN, LAST_ENDED = "first_began", "last_ended"
"""Attributes of the study: when its first process began and its last one ended, in seconds since
1970. Earlier versions have neither."""
IDENTITY = "regimen.id"
"""The tag by which a search's runs are found, whatever folder it lies in and however often its name
was used."""
LOOK = 10.0
"""Seconds after which a look begins nothing new: the next one goes on."""
MOMENT = 2.0
"""Seconds for a farewell without results."""
ATTEMPTS = 3
"""How often the end of a search is tried."""


def identify(study: optuna.Study, tags: Mapping[str, str]) -> dict[str, str]:
    """Remember in the study what its runs are tagged with, an identity among it, and return that.

    A search that begins has no ending.
    """
    known = study.user_attrs.get(TAGS, {})
    every = {**tags, IDENTITY: known.get(IDENTITY) or uuid.uuid4().hex}
    studies.remember(study, TAGS, every)
    studies.remember(study, ENDING, None)
    if FIRST_BEGAN not in study.user_attrs and not studies.trials(study):
        studies.remember(study, FIRST_BEGAN, time.time())
    return every


def conclude(study: optuna.Study, ending: str) -> None:
    """Remember in the study how its search ended, and when."""
    studies.remember(study, LAST_ENDED, time.time())
    studies.remember(study, ENDING, ending)


def was_interrupted(study: optuna.Study, spec: SearchSpec) -> bool:
    """Whether a search that does not run any more was stopped or killed.

    One of an older version of Regimen is told by its trials.
    """
    if ENDING in study.user_attrs:
        return study.user_attrs[ENDING] in (None, "INTERRUPTED")
    return sum(trial.state.is_finished() for trial in studies.trials(study)) < spec.trials


def settings(spec: SearchSpec) -> dict[str, str]:
    """What may change when a search goes on, as tags: MLflow's parameters can't."""
    values = {name: getattr(spec, name) for name in spec.names("changeable")}
    return {
        f"regimen.{name}": "default" if value is None else str(value)
        for name, value in values.items()
    }


@dataclass
class _Run:
    """A run as it is in MLflow."""

    id: str
    began: float
    status: str = "RUNNING"
    described: bool = False
    data: bool = False
    """Whether its data set is known."""
    epochs: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    last: float = 0.0
    """When its last epoch ended, or the run itself."""
    done: bool = False
    """Nothing is to be added."""

    @classmethod
    def read(cls, run: Any) -> "_Run":
        data, began = run.data, run.info.start_time / 1000
        epochs = int(data.metrics.get("epoch", 0))
        sets = bool(run.inputs and run.inputs.dataset_inputs)
        return cls(
            run.info.run_id,
            began,
            run.info.status,
            bool(data.params),
            sets,
            epochs,
            dict(data.metrics),
            dict(data.tags),
            began,
        )


class Tracker:
    """One search in MLflow.

    `tags` describe data, model, versions; they stand on every run. Nothing is sent before the first
    `sync`.
    """

    def __init__(self, client: Any, spec: SearchSpec, tags: Mapping[str, str]) -> None:
        self.spec = spec
        self.identity = (
            tags.get(IDENTITY) or hashlib.sha256(str(spec.folder).encode()).hexdigest()[:32]
        )
        every = {
            "regimen.search": str(spec.name),
            "regimen.regime": spec.regime,
            **tags,
            IDENTITY: self.identity,
        }
        self.recorder = Recorder(client, every)
        self.parent: _Run | None = None
        self.runs: dict[str, _Run] = {}
        self.certain = False
        self.papers = False
        self.sent: set[tuple[str, str, str]] = set()
        self.ended = 0.0
        self.lock = threading.Lock()

    def sync(self, study: optuna.Study, *, within: float = LOOK) -> None:
        """Log whatever of the study MLflow does not have, or as much of it as `within` seconds
        suffice for."""
        with self.lock:
            self.recorder.deadline = time.monotonic() + within
            self._sync(study, live=True)

    def finish_within(
        self,
        seconds: float,
        study: optuna.Study,
        summary: Mapping[str, Any],
        note: str | None,
        *,
        interrupted: bool,
    ) -> str | None:
        """`finish`, of which the caller waits for `seconds` at most.

        Returns None, or in one line why MLflow lacks something.
        """
        trouble: list[str | None] = [f"it did not take everything within {seconds:.0f} s"]
        deadline = time.monotonic() + seconds

        def work() -> None:
            for left in reversed(range(ATTEMPTS)):
                try:
                    self.finish(
                        study,
                        summary,
                        note,
                        interrupted=interrupted,
                        within=deadline - time.monotonic(),
                    )
                    trouble[0] = None
                    return
                except OutOfTime:
                    return
                except Exception as error:
                    trouble[0] = one_line(error)
                if left:
                    time.sleep(1.0)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(seconds)
        return trouble[0]

    def finish(
        self,
        study: optuna.Study,
        summary: Mapping[str, Any],
        note: str | None,
        *,
        interrupted: bool,
        within: float = math.inf,
    ) -> None:
        """Log the rest, the results as artifacts and metrics of the parent run, and close every
        run.

        Raises OutOfTime, or what MLflow's client raises; what was logged until then stands.
        """
        deadline = time.monotonic() + within
        self.recorder.deadline = time.monotonic()  # a look that is not over begins nothing more
        with self.lock:
            self.recorder.deadline = deadline
            self.certain = (
                False  # what a look logged may have been lost since, with the server's disk
            )
            self._sync(study, live=False)
            assert self.parent is not None
            self._results(self.parent, summary, note)
            self._close(self.parent, interrupted)

    def close(self, *, interrupted: bool) -> None:
        """End the runs, and log nothing more, unless a look keeps MLflow busy:

        `search.sync` ends them then.
        """
        self.recorder.deadline = time.monotonic()
        if self.lock.acquire(timeout=MOMENT):
            try:
                self.recorder.deadline = time.monotonic() + MOMENT
                if self.parent is not None:
                    self._close(self.parent, interrupted)
            finally:
                self.lock.release()

    def _sync(self, study: optuna.Study, live: bool) -> None:
        try:
            if not self.certain:
                self._find()
                self.certain = True
            self.ended = study.user_attrs.get(LAST_ENDED, 0.0)
            parent = self._parent(study, live)
            for trial in _trials(study):
                self._sync_trial(parent, trial, live)
            attrs = study.user_attrs
            for kind, key in (("confirmation", CONFIRMED), ("report", REPORTED)):
                for number, seeds in attrs.get(key, {}).items():
                    for seed, epochs in seeds.items():
                        self._sync_confirmation(study, attrs, kind, number, seed, epochs)
            if not self.papers:
                log_paper(self.recorder)
                self.papers = True
        except OutOfTime:
            raise
        except Exception:
            self.certain = self.papers = False
            raise

    def _find(self) -> None:
        """Read which runs of this search MLflow has, and what of them."""
        self.recorder.locate(self.spec.results)
        found = self.recorder.search(f"tags.`{IDENTITY}` = '{self.identity}'")
        below = Counter(run.data.tags.get("mlflow.parentRunId") for run in found)
        # Of two runs with one key, which a request received late has made, the fuller one stays.
        found.sort(
            key=lambda run: (
                -below[run.info.run_id],
                -run.data.metrics.get("epoch", 0),
                run.info.run_id,
            )
        )
        runs: dict[str, _Run] = {}
        for run in found:
            key = run.data.tags.get("regimen.key", "search")
            if key in runs:
                self.recorder.delete(run)
            else:
                runs[key] = _Run.read(run)
        self.parent = runs.pop("search", None)
        self.runs = runs

    def _parent(self, study: optuna.Study, live: bool) -> _Run:
        if self.parent is None:
            started = [
                trial.datetime_start.timestamp() for trial in _trials(study) if trial.datetime_start
            ]
            began = study.user_attrs.get(FIRST_BEGAN) or min(started, default=time.time())
            self.parent = self._start(str(self.spec.name), "search", began, {})
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
        tags = self.recorder.tags
        if not self.parent.data and "data_fingerprint" in tags:
            self.recorder.dataset(
                self.parent.id, tags["data"], tags["data_fingerprint"], tags.get("data_rows", "")
            )
            self.parent.data = True
        if live:
            self._reopen(self.parent)
        return self.parent

    def _start(
        self, name: str, kind: str, began: float, tags: Mapping[str, str], parent: str | None = None
    ) -> _Run:
        # MLflow keeps milliseconds. Rounded here, later log calls have the same times.
        began = round(began, 3)
        return _Run(
            self.recorder.start(name, kind, parent=parent, tags=tags, began=began),
            began,
            last=began,
        )

    def _reopen(self, run: _Run) -> None:
        if run.status != "RUNNING":
            self.recorder.reopen(run.id)
            run.status = "RUNNING"

    def _run(
        self,
        key: str,
        name: str,
        kind: str,
        parent: _Run,
        trial: FrozenTrial,
        seed: int,
        began: float,
        epochs: list[dict[str, Any]],
    ) -> _Run:
        """The run of a key, started where there is none, with its parameters and all of
        `epochs`."""
        run = self.runs.get(key)
        if run is None:
            tags = {"regimen.trial": str(trial.number), "regimen.key": key}
            run = self.runs[key] = self._start(name, kind, began, tags, parent.id)
        if not run.described:
            values = {**trial.user_attrs[studies.CONFIG], "seed": seed, "epochs": self.spec.epochs}
            self.recorder.params(run.id, values)
            run.described = True
        run.epochs = self.recorder.epochs(run.id, epochs, run.epochs, run.began)
        run.last = max([run.began, *ends(epochs, run.began)[-1:]])
        return run

    def _sync_trial(self, parent: _Run, trial: FrozenTrial, live: bool) -> None:
        key = f"trial {trial.number}"
        if key in self.runs and self.runs[key].done:
            return
        epochs = studies.epochs(trial)
        began = trial.datetime_start.timestamp() if trial.datetime_start else parent.began
        began = min(
            [began, *(epoch[BEGAN] for epoch in epochs if BEGAN in epoch)]
        )  # Optuna forgets the start of an earlier attempt
        run = self._run(
            key,
            f"{self.spec.regime} {trial.number:03d}",
            "trial",
            parent,
            trial,
            self.spec.seed,
            began,
            epochs,
        )
        if trial.state.is_finished():
            self._end_trial(run, trial, epochs)
        elif live and trial.state == TrialState.RUNNING:
            self._reopen(run)

    def _end_trial(self, run: _Run, trial: FrozenTrial, epochs: list[dict[str, Any]]) -> None:
        """Close a trial's run under a name that tells its end:

        `supcon 007 · 0.8731`, `supcon 008 · pruned after 3`.
        """
        state = trial.state.name
        how = {
            "COMPLETE": f"{trial.value or 0:.4f}",
            "PRUNED": f"pruned after {len(epochs)}",
            "FAIL": "failed",
        }[state]
        tags = {
            "mlflow.runName": f"{self.spec.regime} {trial.number:03d} · {how}",
            "regimen.state": state,
        }
        if studies.REASON in trial.user_attrs:
            tags["regimen.reason"] = trial.user_attrs[studies.REASON]
        ended = trial.datetime_complete.timestamp() if trial.datetime_complete else run.last
        self._end(
            run, STATUS[state], {"score": trial.value} if state == "COMPLETE" else {}, tags, ended
        )

    def _end(
        self,
        run: _Run,
        status: str,
        figures: Mapping[str, float | None],
        tags: Mapping[str, str],
        ended: float,
    ) -> None:
        """Bring a run to its end, of which it may have a part."""
        self._add(run, figures, tags)
        run.last = max(run.last, ended)
        if run.status != status:
            self.recorder.end(run.id, status, run.last)
            run.status = status
        run.done = True

    def _add(self, run: _Run, figures: Mapping[str, float | None], tags: Mapping[str, str]) -> None:
        """Figures and tags that a run does not have."""
        if new := {
            name: value
            for name, value in figures.items()
            if value is not None and run.metrics.get(name) != value
        }:
            self.recorder.metrics(run.id, new, run.last)
            run.metrics |= new
        if changed := {name: value for name, value in tags.items() if run.tags.get(name) != value}:
            self.recorder.note(run.id, changed)
            run.tags |= changed

    def _sync_confirmation(
        self,
        study: optuna.Study,
        attrs: Mapping[str, Any],
        kind: str,
        number: str,
        seed: str,
        epochs: list[dict[str, Any]],
    ) -> None:
        """A run that chose the winner, or one of the winner's that is reported, nested in its
        trial's run; test scores arrive later."""
        key, above = f"trial {number} seed {seed}", self.runs.get(f"trial {number}")
        if above is None or (key in self.runs and self.runs[key].done):
            return
        trial = study.get_trials(deepcopy=False)[int(number)]
        after = trial.datetime_complete.timestamp() if trial.datetime_complete else above.last
        began = epochs[0].get(BEGAN, after)
        name = (
            f"{self.spec.regime} {int(number):03d} {'report ' if kind == 'report' else ''}seed"
            f" {seed}"
        )
        run = self._run(key, name, kind, above, trial, int(seed), began, epochs)
        scores = attrs.get(TESTED, {}).get(number, {}).get(seed)
        if (
            kind == "report"
            and str(attrs.get(WINNER)) == number
            and attrs.get("test_follows")
            and scores is None
        ):
            return
        figures = {
            "score": epochs[-1]["best_validation_accuracy"],
            **test_metrics([scores] if scores else []),
        }
        self._end(run, "FINISHED", figures, {}, run.last)

    def _results(self, parent: _Run, summary: Mapping[str, Any], note: str | None) -> None:
        """What the search found, on its parent run.

        A search that grew finds something else at a later time.
        """
        confirmed = summary["confirmed_accuracy"]
        figures = {
            "trial_0_validation_accuracy": summary["paper_config_validation_accuracy"],
            "best_validation_accuracy": summary["best_validation_accuracy"],
            "confirmed_accuracy": sum(confirmed) / len(confirmed) if confirmed else None,
            **test_metrics(summary["test"]),
        }
        parent.last = max([parent.last, *(run.last for run in self.runs.values())])
        self._add(parent, figures, {"mlflow.note.content": note} if note else {})
        self._artifacts(parent)

    def _artifacts(self, parent: _Run) -> None:
        """The files that MLflow does not have as they are; a tag tells which it has."""
        found = [path for path in self.spec.folder.iterdir() if path.suffix in ARTIFACTS] + list(
            self.spec.folder.glob(FIGURES)
        )
        files = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(found)}
        told = hashlib.sha256(
            "\n".join(f"{path.name} {digest}" for path, digest in files.items()).encode()
        ).hexdigest()[:32]
        if parent.tags.get("regimen.artifacts") == told:
            return
        for path, digest in files.items():
            if (parent.id, path.name, digest) not in self.sent:
                self.recorder.artifact(
                    parent.id, path, "figures" if path.suffix == ".svg" else None
                )
                self.sent.add((parent.id, path.name, digest))
        self._add(parent, {}, {"regimen.artifacts": told})

    def _close(self, parent: _Run, interrupted: bool) -> None:
        """End the parent run, and what was interrupted: it goes on under the same runs when the
        search does."""
        for run in self.runs.values():
            if not run.done and run.status != "KILLED":
                self.recorder.end(run.id, "KILLED", run.last)
                run.status = "KILLED"
        status = "KILLED" if interrupted else "FINISHED"
        if parent.status != status:
            self.recorder.end(
                parent.id,
                status,
                max([self.ended, parent.last, *(run.last for run in self.runs.values())]),
            )
            parent.status = status


def _trials(study: optuna.Study) -> list[FrozenTrial]:
    """What has a run: the visible trials, and those that wait to be run again but have epochs."""
    waiting = study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
    return studies.trials(study) + [
        trial for trial in waiting if studies.CONFIG in trial.user_attrs and studies.epochs(trial)
    ]
