"""The ledger as Ray Tune's searcher and scheduler.

Ray calls the scheduler before anything else with a result, so that is where an epoch enters the
journal: nothing acts on an epoch that is not recorded. The study decides; a resumed search needs no
state of Ray's.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import ray
from ray import cloudpickle
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from analysis.text import duration
from search.cluster.room import Room
from search.study.records import CONFIG
from search.trials.faults import Fault, fault_of_trial, setup_failure
from search.trials.ledger import Ledger


class StudySearcher(Searcher):
    """Proposes the trials that the study asks for."""

    def __init__(self, ledger: Ledger, room: Room) -> None:
        super().__init__(metric="validation_accuracy", mode="max")
        self.ledger, self.room = ledger, room
        self.errors: dict[str, BaseException] = {}
        """Why the workers of trials died, as the scheduler was told."""

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next trial's number and configuration; None if none is due while others run;
        `Searcher.FINISHED` at the end."""
        ledger, trial = self.ledger, None
        end: str = Searcher.FINISHED
        if ledger.stopping:
            return end
        self.room.refresh()
        if len(ledger.in_flight) >= self.room.slots:
            return None
        try:
            if not ledger.all_trials_started:
                trial = ledger.ask(trial_id)
        except OSError as error:
            ledger.write_error = error
            return end
        if trial is None:
            # A running trial may lose its worker and have to run again.
            return None if ledger.in_flight else end
        return {"trial": trial.number, "config": CONFIG.read(trial)}

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Ray is done with a trial."""
        cause = self.errors.pop(trial_id, None)
        fault = fault_of_trial(cause) if error else None
        if fault == Fault.SETUP and cause is not None:
            self.ledger.setup_error = setup_failure(cause)
        try:
            self.ledger.ended(trial_id, fault)
        except OSError as write_error:
            self.ledger.write_error = write_error

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the journal has it."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: the journal has it."""


class StudyScheduler(FIFOScheduler):
    """Runs trials in the order in which they were asked for. The study decides which continue."""

    def __init__(
        self, searcher: StudySearcher, stop_at: Callable[[], float | None] = lambda: None
    ) -> None:
        super().__init__()
        self.searcher, self.ledger, self.room = searcher, searcher.ledger, searcher.room
        self.stop_at = stop_at
        """When trials that still run are given up, by `time.monotonic`; None: never."""
        self.started: dict[str, float] = {}
        """When each trial was first seen running, by `time.monotonic`."""

    def on_trial_error(self, tune_controller: Any, trial: Trial) -> None:
        """Ray calls this before it tells the searcher, who does not get the error."""
        with contextlib.suppress(Exception):  # Whatever unpickling raises.
            written = Path(trial.pickled_error_file).read_bytes()
            self.searcher.errors[trial.trial_id] = cloudpickle.loads(written)

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Record the report, then decide."""
        continues: str = TrialScheduler.CONTINUE
        stops: str = TrialScheduler.STOP
        try:
            return continues if self.ledger.report(trial.trial_id, result) else stops
        except OSError as error:  # Tune would blame the trial and go on.
            self.ledger.write_error = error
            return stops

    def choose_trial_to_run(self, tune_controller: Any) -> None:
        """None, so that Ray gives a warm worker to the next trial that has none.

        A trial named here would get a worker even while one is being started for it, which is then
        thrown away; short trials would all run in one worker, one after the other. Ray calls this
        several times a second, so it is also where trials are found that take too long, wait for
        room, or need not start any more.
        """
        try:
            self._look(tune_controller)
        except OSError as error:
            self.ledger.write_error = error

    def _look(self, tune_controller: Any) -> None:
        live, in_flight = list(tune_controller.get_live_trials()), self.ledger.in_flight
        pending = [trial for trial in live if trial.status == Trial.PENDING]
        self.room.without_worker(
            in_flight[trial.trial_id].number for trial in pending if trial.trial_id in in_flight
        )
        if self.ledger.spec.trial_timeout is not None:
            self._end_overdue(live, self.ledger.spec.trial_timeout)
        if self.ledger.stopping:
            stop_at = self.stop_at()
            late = stop_at is not None and time.monotonic() >= stop_at
            for trial in live if late else pending:
                tune_controller.stop_trial(trial)  # The ledger queues it again.
        elif tune_controller._actor_cache.num_cached_objects and self._gives_up(pending):
            tune_controller._cleanup_cached_actors(force_all=True)

    def _gives_up(self, pending: Sequence[Trial]) -> bool:
        """Whether warm workers without a trial are given up, for other jobs of the cluster."""
        if not self.room.resources.shared:
            return False
        return self.room.hands_over() or (self.ledger.all_trials_started and not pending)

    def _end_overdue(self, trials: Iterable[Trial], timeout: float) -> None:
        """Kill the workers of trials that run longer than `timeout` seconds.

        A hanging process does not respond to anything else.
        """
        now = time.monotonic()
        for trial in trials:
            if trial.status != Trial.RUNNING or trial.trial_id not in self.ledger.in_flight:
                continue
            if now - self.started.setdefault(trial.trial_id, now) > timeout:
                self.ledger.fail(trial.trial_id, f"it took longer than {duration(timeout)}")
                ray.kill(trial.temporary_state.ray_actor)
