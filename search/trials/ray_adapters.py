"""Ray Tune's searcher and scheduler: one run of Tune for one search after the other.

Ray calls the scheduler before anything else with a result, so that is where an epoch enters the
journal: nothing acts on an epoch that is not recorded. The study decides; a resumed search needs no
state of Ray's.
"""

import contextlib
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import ray
from ray import cloudpickle
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from analysis.text import duration
from search.seeds import report_counts
from search.trials.searcher import StudySearcher


class Relay(Searcher):
    """Tune's searcher: asks the search that is under way, and waits for the next one after it.

    Tune calls it in a thread of its own. With `single` set, it ends with its first search.
    """

    def __init__(self, *, single: bool) -> None:
        super().__init__(metric="validation_accuracy", mode="max")
        self.single = single
        self.search: StudySearcher | None = None
        """The search that is under way."""
        self._owners: dict[str, StudySearcher] = {}
        """The search of each of Tune's trials, by its id."""
        self._changed = threading.Condition()
        self._closed = False

    def begin(self, search: StudySearcher) -> None:
        """Run this search; no other is under way."""
        with self._changed:
            self.search = search
            self._changed.notify_all()

    def wait(self, search: StudySearcher, seconds: float) -> bool:
        """Wait so long for a search's end; returns whether it has ended."""
        with self._changed:
            return self._changed.wait_for(lambda: self.search is not search, seconds)

    def close(self) -> None:
        """End Tune's run. Nothing more is recorded of trials that are running."""
        with self._changed:
            self._closed, self.search = True, None
            self._owners.clear()
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether Tune's run is to end."""
        return self._closed

    def owner(self, trial_id: str) -> StudySearcher | None:
        """The search that a trial of Tune's belongs to; None if none waits for it."""
        return self._owners.get(trial_id)

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The parameters of the next trial or run; None if none is due while others run;
        `Searcher.FINISHED` at the end."""
        end: str = Searcher.FINISHED
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self.search is not None)
                search = self.search
            if search is None:
                return end
            params = search.suggest(trial_id)
            with self._changed:
                if isinstance(params, dict):
                    if self._closed:
                        return end
                    self._owners[trial_id] = search
                    return params
                if params is None or self._owners:
                    return None
                self._closed, self.search = self._closed or self.single, None
                self._changed.notify_all()

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Ray is done with a trial or run."""
        if search := self._owners.pop(trial_id, None):
            search.ended(trial_id, error=error)

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune pickles it to resume, and a search resumes from its journal."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the journal has it."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: the journal has it."""


class StudyScheduler(FIFOScheduler):
    """Runs trials in the order in which they were asked for. The study decides which continue."""

    def __init__(self, relay: Relay) -> None:
        super().__init__()
        self.relay = relay
        self._kept = 0
        """How many workers Tune was told to keep."""

    def __getstate__(self) -> dict[str, Any]:
        """Nothing, like the searcher."""
        return {}

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        """Ray calls this before it tells the searcher, who does not get the error."""
        if search := self.relay.owner(trial.trial_id):
            with contextlib.suppress(Exception):  # Whatever unpickling raises.
                written = Path(trial.pickled_error_file).read_bytes()
                search.errors[trial.trial_id] = cloudpickle.loads(written)

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Record the report, then decide."""
        continues: str = TrialScheduler.CONTINUE
        stops: str = TrialScheduler.STOP
        search = self.relay.owner(trial.trial_id)
        return continues if search and search.report(trial.trial_id, result) else stops

    def choose_trial_to_run(self, tune_controller: Any) -> None:
        """None, so that Ray gives a warm worker to the next trial that has none.

        A trial named here would get a worker even while one is being started for it, which is then
        thrown away; short trials would all run in one worker, one after the other. Ray calls this
        several times a second, so it is also where trials are found that take too long, wait for
        room, or need not run any more.
        """
        if self.relay.closed:
            _end(tune_controller)
        elif search := self.relay.search:
            try:
                self._check_trials(tune_controller, search)
            except OSError as error:
                search.ledger.write_error = error

    def _check_trials(self, tune_controller: Any, search: StudySearcher) -> None:
        ledger, runs, capacity = search.ledger, search.runs, search.capacity
        live = list(tune_controller.get_live_trials())
        pending = [trial for trial in live if trial.status == Trial.PENDING]
        running = [trial for trial in live if trial.status == Trial.RUNNING]
        labels = (search.label(trial.trial_id) for trial in pending)
        capacity.set_without_worker(label for label in labels if label is not None)
        self._keep_workers(tune_controller, live, _idle_workers(search))
        if ledger.spec.trial_timeout is not None:
            _end_overdue(search, running, ledger.spec.trial_timeout)
        if runs is not None:
            for trial in running:
                if trial.trial_id in runs:
                    runs.started(trial.trial_id)
        if ledger.stopping:
            stop_at = search.stop_at()
            late = stop_at is not None and time.monotonic() >= stop_at
            _stop(tune_controller, live if late else pending)
            # Nothing of a run is recorded before its end.
            _give_up(search, (trial for trial in running if runs and trial.trial_id in runs))
        elif ledger.time_is_spent and ledger.in_flight:
            _stop(tune_controller, pending)
            _give_up(search, (trial for trial in running if trial.trial_id in ledger.in_flight))
        elif tune_controller._actor_cache.num_cached_objects and _releases_worker(search, pending):
            tune_controller._cleanup_cached_actors(force_all=True)

    def _keep_workers(self, tune_controller: Any, live: Sequence[Trial], workers: int) -> None:
        """Let so many idle workers stay. Tune keeps only one, unless other trials wait for one."""
        if live and workers > self._kept:  # A cluster may have grown.
            resources = live[0].placement_group_factory
            tune_controller._actor_cache.increase_max(resources, workers - self._kept)
            self._kept = workers


def _idle_workers(search: StudySearcher) -> int:
    """How many idle workers stay for the runs that follow, and for the next search.

    On a shared cluster, only as many as these runs can use.
    """
    slots, spec = search.capacity.slots, search.ledger.spec
    if not search.capacity.resources.shared:
        return slots
    if search.runs is None:
        return 0
    choice = spec.confirm_top * (spec.confirm_seeds or 1)
    return min(slots, max(choice, report_counts(spec.report_seeds)[-1]))


def _end(tune_controller: Any) -> None:
    """End all trials and runs at once."""
    live = list(tune_controller.get_live_trials())
    _stop(tune_controller, (trial for trial in live if trial.status == Trial.PENDING))
    for trial in live:
        if trial.status == Trial.RUNNING:
            ray.kill(trial.temporary_state.ray_actor)


def _stop(tune_controller: Any, trials: Iterable[Trial]) -> None:
    """End trials or runs. The ledger queues them again."""
    for trial in trials:
        trial.init_local_path()  # At the end, Tune asks each trial for its folder.
        tune_controller.stop_trial(trial)


def _give_up(search: StudySearcher, trials: Iterable[Trial]) -> None:
    """End trials or runs in the middle of an epoch. The ledger queues them again."""
    for trial in trials:
        if trial.status != Trial.RUNNING:
            continue
        if owner := search.in_flight(trial.trial_id):
            owner.ended(trial.trial_id)
        ray.kill(trial.temporary_state.ray_actor)


def _releases_worker(search: StudySearcher, pending: Sequence[Trial]) -> bool:
    """Whether idle workers are released for other jobs of the cluster."""
    if not search.capacity.resources.shared:
        return False
    return search.capacity.releases_worker() or (search.all_started and not pending)


def _end_overdue(search: StudySearcher, trials: Iterable[Trial], timeout: float) -> None:
    """Kill the workers of running trials that take longer than `timeout` seconds.

    A hanging process does not respond to anything else.
    """
    now, ledger = time.monotonic(), search.ledger
    for trial in trials:
        if trial.trial_id not in ledger.in_flight:
            continue
        if now - search.started.setdefault(trial.trial_id, now) > timeout:
            ledger.fail(trial.trial_id, f"it took longer than {duration(timeout)}")
            ray.kill(trial.temporary_state.ray_actor)
