"""One thin client of MLflow's store: it starts runs, logs to them in few calls, and ends them."""

import hashlib
import json
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from search.study.records import EPOCH_FIELDS
from search.tracking import sqlite_file
from search.tracking.store import EXPERIMENT, make_experiments, open_client
from search.worker_reports import SYSTEM_METRICS, epoch_ends

STATE_TAG = "regimen.state"
NOTE_TAG = "mlflow.note.content"
"""The description of an experiment or a run."""
NO_METRICS = ("epoch", "stage", "steps", "micro_batch")
EPOCHS_TAG = "regimen.epochs"
"""How many epochs of a run are logged. Early versions had a metric `epoch` instead."""
EPOCH_METRICS = (*(name for name in EPOCH_FIELDS if name not in NO_METRICS), *SYSTEM_METRICS)
"""What is logged of each epoch."""
OUR_TAGS = (
    "regimen.",
    "version.",
    "mlflow.runName",
    "mlflow.parentRunId",
    "mlflow.user",
    "mlflow.source.",
)
"""How the names of tags begin that `Recorder.start` or MLflow itself sets."""
MAX_METRICS_PER_CALL = 1000
MAX_VALUE_CHARACTERS = 5000
MAX_DATASET_NAME_CHARACTERS = 500
"""MLflow's limits."""


class OutOfTime(Exception):
    """The deadline has passed. What was logged until then stays."""


class Recorder:
    """Writes runs of one experiment. `tags` are set on every run that it starts; `source` is the
    command that makes them.

    After `deadline` (by `time.monotonic`) it starts no request and raises OutOfTime. A request
    whose answer was lost is sent again with exactly the same content, because MLflow keeps one of
    two equal points. So the times `started` and `at` come from the study.
    """

    def __init__(self, client: Any, tags: Mapping[str, str], source: str) -> None:
        self.client, self.tags, self.source = client, dict(tags), source
        self.deadline = math.inf
        self.runs_started = self.epochs_logged = 0
        self._experiment: str | None = None
        self._file = sqlite_file.file_id(client.tracking_uri)

    @property
    def experiment(self) -> str:
        """The id of the searches' experiment."""
        if self._experiment is None:
            self.check()
            self._experiment = self.client.get_experiment_by_name(EXPERIMENT).experiment_id
        return self._experiment

    @property
    def known_experiment(self) -> str | None:
        """The same, where it is known already."""
        return self._experiment

    def check(self) -> None:
        """Raise OutOfTime after the deadline."""
        if time.monotonic() > self.deadline:
            raise OutOfTime("MLflow did not take everything in time")

    def locate(self, results: str) -> None:
        """Find or create the experiments. The store may have been replaced by an empty one."""
        self.check()
        current = sqlite_file.file_id(self.client.tracking_uri)
        if self._file != current:
            self.client = open_client(sqlite_file.another_spelling(self.client.tracking_uri))
            self._file = current or sqlite_file.file_id(self.client.tracking_uri)
        self._experiment = make_experiments(self.client, results)

    def search(self, where: str) -> list[Any]:
        """All runs that match a filter."""
        runs: list[Any] = []
        token = None
        while True:
            self.check()
            page = self.client.search_runs(
                [self.experiment], where, max_results=1000, page_token=token
            )
            runs += page
            token = page.token
            if not token:
                return runs

    def start(
        self,
        name: str,
        kind: str,
        *,
        parent: str | None = None,
        tags: Mapping[str, str] | None = None,
        started: float | None = None,
    ) -> str:
        """Start a run and return its id. `started`: seconds since 1970."""
        self.check()
        nested = {"mlflow.parentRunId": parent} if parent else {}
        all_tags = {
            **self.tags,
            "mlflow.runName": name,
            "mlflow.source.name": self.source,
            "mlflow.source.type": "LOCAL",
            "mlflow.source.git.commit": self.tags.get("git_commit", "").removesuffix("+"),
            "regimen.kind": kind,
            STATE_TAG: "RUNNING",
            **nested,
            **(tags or {}),
        }
        run: str = self.client.create_run(
            self.experiment, start_time=_milliseconds(started), tags=all_tags
        ).info.run_id
        self.runs_started += 1
        return run

    def params(self, run: str, values: Mapping[str, Any]) -> None:
        """Log parameters in one call."""
        from mlflow.entities import Param

        self.check()
        self.client.log_batch(
            run, params=[Param(name, _text(value)) for name, value in values.items()]
        )

    def metrics(
        self, run: str, values: Mapping[str, float | None], at: float | None = None
    ) -> None:
        """Log metrics of the whole run in one call; None is left out."""
        from mlflow.entities import Metric

        self.check()
        points = [
            Metric(name, value, _milliseconds(at), 0)
            for name, value in values.items()
            if value is not None
        ]
        if points:
            self.client.log_batch(run, metrics=points)

    def set_tags(self, run: str, tags: Mapping[str, str]) -> None:
        """Set tags in one call."""
        from mlflow.entities import RunTag

        self.check()
        self.client.log_batch(
            run, tags=[RunTag(name, _text(value)) for name, value in tags.items()]
        )

    def epochs(
        self,
        run: str,
        epochs: Sequence[Mapping[str, Any]],
        after: int = 0,
        started: float | None = None,
    ) -> int:
        """Log the epochs above number `after` in few calls; return the last one's number.

        A tag goes with each call, and says later which ones MLflow has.
        """
        from mlflow.entities import Metric, RunTag

        start = time.time() if started is None else started
        new = [
            (epoch, ended)
            for epoch, ended in zip(epochs, epoch_ends(epochs, start))
            if epoch["epoch"] > after
        ]
        # An epoch is logged in one call, so that MLflow has all of it or nothing.
        batch = MAX_METRICS_PER_CALL // len(EPOCH_METRICS)
        for first in range(0, len(new), batch):
            self.check()
            part = new[first : first + batch]
            metrics = [
                Metric(name, float(epoch[name]), _milliseconds(at), epoch["epoch"])
                for epoch, at in part
                for name in EPOCH_METRICS
                if epoch.get(name) is not None
            ]
            logged = RunTag(EPOCHS_TAG, str(part[-1][0]["epoch"]))
            self.client.log_batch(run, metrics=metrics, tags=[logged])
            self.epochs_logged += len(part)
        last: int = new[-1][0]["epoch"] if new else after
        return last

    def curve(
        self, run: str, name: str, points: Sequence[tuple[int, float, float]], tags: dict[str, str]
    ) -> None:
        """Log points of one metric (step, seconds since 1970, value), and tags with them."""
        from mlflow.entities import Metric, RunTag

        metrics = [Metric(name, value, _milliseconds(at), step) for step, at, value in points]
        for first in range(0, max(1, len(metrics)), MAX_METRICS_PER_CALL):
            self.check()
            part = metrics[first : first + MAX_METRICS_PER_CALL]
            ended = first + MAX_METRICS_PER_CALL >= len(metrics)
            run_tags = [RunTag(name, value) for name, value in tags.items()] if ended else []
            self.client.log_batch(run, metrics=part, tags=run_tags)

    def save_views(self, views: Mapping[str, str]) -> None:
        """Save views of MLflow's UI, where the experiment does not have them already."""
        self.check()
        has = self.client.get_experiment(self.experiment).tags
        for name, value in views.items():
            if has.get(name) != value:
                self.check()
                self.client.set_experiment_tag(self.experiment, name, value)

    def describe(self, note: str, ended: float) -> None:
        """Set the experiment's description to that of a search that ended then, unless somebody
        else has written one, or it is of a search that ended later."""
        self.check()
        has = self.client.get_experiment(self.experiment).tags
        note, present = _text(note), has.get(NOTE_TAG, "")
        if present and float(has.get(_our_note_tag(present), "inf")) > ended:
            return
        for name, value in ((_our_note_tag(note), str(ended)), (NOTE_TAG, note)):
            if has.get(name) != value:
                self.check()
                self.client.set_experiment_tag(self.experiment, name, value)

    def dataset(self, run: str) -> None:
        """Log the data set that the tags describe, as MLflow's UI shows it.

        Logging it again changes nothing.
        """
        from mlflow.entities import Dataset, DatasetInput, InputTag

        if "data_fingerprint" not in self.tags:
            return
        source, rows = self.tags["data"], self.tags.get("data_rows", "")
        self.check()
        columns = [{"name": name, "type": "string", "required": True} for name in ("text", "label")]
        described = Dataset(
            name=_text(source)[:MAX_DATASET_NAME_CHARACTERS],
            digest=self.tags["data_fingerprint"],
            source_type="local",
            source=json.dumps({"uri": _text(source)}),
            schema=json.dumps({"mlflow_colspec": columns}),
            profile=json.dumps({"rows": rows}),
        )
        self.client.log_inputs(
            run, datasets=[DatasetInput(described, [InputTag("mlflow.data.context", "training")])]
        )

    def artifact(self, run: str, path: Path, folder: str | None = None) -> None:
        """Log a file as an artifact, in `folder` if given."""
        self.check()
        self.client.log_artifact(run, str(path), folder)

    def reopen(self, run: str) -> None:
        """Set an ended run to RUNNING."""
        self.check()
        self.client.update_run(run, status="RUNNING")

    def end(self, run: str, status: str = "FINISHED", ended: float | None = None) -> None:
        """End a run as FINISHED, KILLED or FAILED. `ended`: seconds since 1970."""
        self.check()
        self.client.set_terminated(run, status, end_time=_milliseconds(ended))

    def delete(self, run: Any) -> None:
        """Delete a duplicate run of this search, made by a request that was received twice.

        A run on which anybody else has set a tag stays. MLflow can restore deleted runs.
        """
        self.check()
        if all(name in self.tags or name.startswith(OUR_TAGS) for name in run.data.tags):
            self.client.delete_run(run.info.run_id)


def _our_note_tag(note: str) -> str:
    """The experiment's tag that says that we wrote this description, and when its search ended.

    One tag for each, so that searches that end at once do not take each other's for a user's.
    """
    return f"regimen.note.{hashlib.sha256(note.encode()).hexdigest()[:16]}"


def _text(value: Any) -> str:
    """A value as every store accepts it: PostgreSQL has no NUL, UTF-8 no lone surrogates."""
    return (
        str(value)
        .replace("\0", " ")
        .encode("utf-8", "replace")
        .decode("utf-8")[:MAX_VALUE_CHARACTERS]
    )


def _milliseconds(seconds: float | None) -> int:
    """A time in MLflow's unit; None: now."""
    return round(1000 * (time.time() if seconds is None else seconds))
