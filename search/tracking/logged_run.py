"""A run as MLflow has it: only what it lacks is logged to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from search.study.records import Record
from search.tracking.recorder import EPOCHS_TAG, STATE_TAG, Recorder
from search.worker_reports import epoch_ends


@dataclass
class LoggedRun:
    """A run, as MLflow has it. Parts of what is logged may have been logged before."""

    recorder: Recorder
    id: str
    started: float
    status: str = "RUNNING"
    described: bool = False
    """Whether its parameters are logged."""
    data: bool = False
    """Whether its data set is logged."""
    epochs: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    last: float = 0.0
    """When its last epoch or the run itself ended, in seconds since 1970."""
    done: bool = False
    """Whether everything is logged."""

    @classmethod
    def start(
        cls,
        recorder: Recorder,
        name: str,
        kind: str,
        started: float,
        tags: Mapping[str, str],
        parent: str | None = None,
    ) -> "LoggedRun":
        """Start a run, below the run with the id `parent` if given."""
        # MLflow keeps milliseconds. Rounded here, later log calls have the same times.
        started = round(started, 3)
        run = recorder.start(name, kind, parent=parent, tags=tags, started=started)
        return cls(recorder, run, started, last=started)

    @classmethod
    def read(cls, recorder: Recorder, run: Any) -> "LoggedRun":
        """A run of MLflow's client."""
        started = run.info.start_time / 1000
        return cls(
            recorder,
            id=run.info.run_id,
            started=started,
            status=run.info.status,
            described=bool(run.data.params),
            data=bool(run.inputs and run.inputs.dataset_inputs),
            epochs=int(run.data.tags.get(EPOCHS_TAG) or run.data.metrics.get("epoch", 0)),
            metrics=dict(run.data.metrics),
            tags=dict(run.data.tags),
            last=started,
        )

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Log its parameters, which do not change."""
        self.recorder.params(self.id, params)
        self.described = True

    def log_data(self) -> None:
        """Log its data set."""
        if not self.data:
            self.recorder.dataset(self.id)
            self.data = True

    def log_epochs(self, epochs: Sequence[Record]) -> None:
        """Log the epochs that it lacks."""
        self.epochs = self.recorder.epochs(self.id, epochs, self.epochs, self.started)
        self.last = max([self.started, *epoch_ends(epochs, self.started)[-1:]])

    def log(self, metrics: Mapping[str, float | None], tags: Mapping[str, str]) -> None:
        """Log metrics of the whole run, and tags."""
        if new := {
            name: value
            for name, value in metrics.items()
            if value is not None and self.metrics.get(name) != value
        }:
            self.recorder.metrics(self.id, new, self.last)
            self.metrics |= new
        if changed := {name: value for name, value in tags.items() if self.tags.get(name) != value}:
            self.recorder.set_tags(self.id, changed)
            self.tags |= changed

    def reopen(self) -> None:
        """Continue a run that had ended."""
        if self.status != "RUNNING":
            self.recorder.reopen(self.id)
            self.status = "RUNNING"
            self.log({}, {STATE_TAG: "RUNNING"})

    def finish(
        self,
        status: str,
        metrics: Mapping[str, float | None],
        tags: Mapping[str, str],
        ended: float,
    ) -> None:
        """Log the rest, and end it."""
        self.log(metrics, tags)
        self.last = max(self.last, ended)
        self.end(status, self.last)
        self.done = True

    def interrupt(self) -> None:
        """End it before everything is logged. A resumed search continues it."""
        if not self.done and self.status != "KILLED":
            self.end("KILLED", self.last)
            self.log({}, {STATE_TAG: "INTERRUPTED"})

    def end(self, status: str, ended: float) -> None:
        """End it as FINISHED, KILLED or FAILED. `ended`: seconds since 1970."""
        if self.status != status:
            self.recorder.end(self.id, status, ended)
            self.status = status
