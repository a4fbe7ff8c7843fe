"""How many trials may be open at once, as the cluster grows and shrinks, and which of them wait."""

import contextlib
import time
from collections.abc import Hashable, Iterable

import ray

from search.cluster.resources import TYPE, Resources, connected, slots

REFRESH_SECONDS = 10.0
"""Between two queries of the cluster."""
WAITING_SECONDS = 3.0
"""A trial without a worker for this long counts as waiting: a new worker takes about as long."""
HANDOVER_SECONDS = 60.0
"""Between two workers that are released for other jobs: a new one costs seconds of a core."""


class Capacity:
    """How many trials of a search its cluster can run, and which of them wait for a worker."""

    def __init__(self, resources: Resources) -> None:
        self.resources = resources
        self.slots = resources.slots
        """How many trials may be open."""
        self.waiting: frozenset[Hashable] = frozenset()
        """The open trials that have had no worker for some seconds: their numbers, and for choice
        and report runs (trial, seed)."""
        self._since: dict[Hashable, float] = {}
        self._others_wait = False
        self._read = self._handed_over = time.monotonic()

    def refresh(self) -> None:
        """Query the cluster, unless the last query is recent."""
        if not self.resources.shared or time.monotonic() < self._read + REFRESH_SECONDS:
            return
        self._read = time.monotonic()
        if self.resources.follows:
            machine = connected(self.resources.accelerator)
            self.slots = slots(machine, self.resources.cpus, self.resources.gpus)
        with contextlib.suppress(Exception):  # An interface of Ray that may change.
            # If none of our trials waits, all waiting requests are other jobs'.
            self._others_wait = _waiting_requests(self.resources) > 0 and not self._since

    def releases_worker(self) -> bool:
        """Whether an idle worker is to be released, because another job waits for its resources.

        A search whose own trials wait releases none; otherwise two searches would take turns.
        """
        now = time.monotonic()
        if not self._others_wait or self._since or now < self._handed_over + HANDOVER_SECONDS:
            return False
        self._others_wait, self._handed_over = False, now
        return True

    def set_without_worker(self, trials: Iterable[Hashable]) -> None:
        """Set which open trials have no worker at the moment."""
        now = time.monotonic()
        self._since = {trial: self._since.get(trial, now) for trial in trials}
        self.waiting = frozenset(
            trial for trial, since in self._since.items() if now - since > WAITING_SECONDS
        )


def _waiting_requests(trial: Resources) -> int:
    """How many tasks and actors of all jobs are pending that need no more than a trial does."""
    from ray.autoscaler.v2.sdk import get_cluster_resource_state

    client = ray._private.worker.global_worker.gcs_client
    requests = 0
    for waiting in get_cluster_resource_state(client).pending_resource_requests:
        bundle = dict(waiting.request.resources_bundle)
        bundle.pop(f"{TYPE}{trial.accelerator}", None)
        fits = bundle.pop("CPU", 0.0) <= trial.cpus and bundle.pop("GPU", 0.0) <= trial.gpus
        requests += waiting.count if fits and not bundle else 0
    return requests
