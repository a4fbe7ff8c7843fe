"""An MLflow client whose answers can be lost, and syncs that go on all the same."""

import contextlib
from collections.abc import Callable
from typing import Any

import optuna

from search.tracking.tracker import Tracker


class Lossy:
    """A client whose answers can be lost: the store has what was sent, the caller gets an error.

    Counts what is written.
    """

    WRITES = (
        "create_run",
        "log_batch",
        "set_terminated",
        "update_run",
        "log_artifact",
        "set_tag",
        "delete_run",
        "create_experiment",
    )

    def __init__(
        self,
        client: Any,
        loses: Callable[[int], bool] = lambda number: False,
        received: bool = True,
    ) -> None:
        self.client, self.loses, self.received = client, loses, received
        self.written: list[str] = []

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.client, name)
        if name not in self.WRITES:
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            self.written.append(name)
            lost = self.loses(len(self.written))
            answer = value(*args, **kwargs) if self.received or not lost else None
            if lost:
                raise ConnectionError("the answer was lost")
            return answer

        return call


def sync_despite_errors(tracker: Tracker, study: optuna.Study, times: int = 3) -> None:
    """Sync a few times and ignore errors, as the polling thread does."""
    for _ in range(times):
        with contextlib.suppress(Exception):
            tracker.sync(study)
