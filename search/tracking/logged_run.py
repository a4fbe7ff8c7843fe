"""A run as MLflow has it, so that only what it lacks is logged."""

from dataclasses import dataclass, field
from typing import Any

from search.tracking.recorder import EPOCHS_TAG


@dataclass
class LoggedRun:
    """A run, as MLflow has it."""

    id: str
    started: float
    status: str = "RUNNING"
    described: bool = False
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
    def read(cls, run: Any) -> "LoggedRun":
        started = run.info.start_time / 1000
        return cls(
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
