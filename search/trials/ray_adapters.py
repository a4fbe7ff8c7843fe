"""The ledgers as Ray Tune's searcher and scheduler: trials, then the choice and report runs.

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
from search.trials.ending import Ending, ending_of
from search.trials.faults import Fault, fault_of_trial, setup_failure
from search.trials.ledger import Ledger
from search.trials.run_ledger import RunLedger


class StudySearcher(Searcher):
    """Proposes the trials that the study asks for, then the choice and report runs."""

    def __init__(self, ledger: Ledger, room: Room, runs: RunLedger | None = None) -> None:
        """`runs`: those that follow the trials, if any do."""
        super().__init__(metric="validation_accuracy", mode="max")
        self.ledger, self.room, self.runs = ledger, room, runs
        self.ending: Ending | None = None
        """Why no more trials are run; None until then."""
        self.errors: dict[str, BaseException] = {}
        """Why the workers of trials died, as the scheduler was told."""

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to run. Nothing is in flight."""
        return self.ledger.all_trials_started and not self._runs_are_due()

    @property
    def all_started(self) -> bool:
        """Whether nothing else is to start."""
        return self.ledger.all_trials_started and (self.runs is None or self.runs.all_started)

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The parameters of the next trial or run; None if none is due while others run;
        `Searcher.FINISHED` at the end."""
        ledger, params = self.ledger, None
        end: str = Searcher.FINISHED
        if ledger.stopping:
            return end
        self.room.refresh()
        if self._in_flight >= self.room.slots:
            return None
        try:
            if not ledger.all_trials_started and (trial := ledger.ask(trial_id)) is not None:
                config = CONFIG.read(trial)
                params = {"trial": trial.number, "config": config, "seed": ledger.spec.seed}
            elif self.runs is not None and not ledger.in_flight and self._runs_are_due():
                params = self.runs.ask(trial_id)
        except OSError as error:
            ledger.write_error = error
            return end
        if params is None and not self._in_flight:
            return end
        return params  # None: what runs may lose its worker, or further runs may follow from it.

    @property
    def _in_flight(self) -> int:
        return len(self.ledger.in_flight) + (0 if self.runs is None else len(self.runs))

    def _runs_are_due(self) -> bool:
        """Whether a choice or report run is to start, now that no trial runs."""
        if self.ending is None:
            self.ending = ending_of(self.ledger)
        follow = self.ending not in (Ending.INTERRUPTED, Ending.COMMON_FAILURE)
        return follow and self.runs is not None and self.runs.is_due

    def in_flight(self, trial_id: str) -> Ledger | RunLedger | None:
        """Who has the trial or run in flight, if anybody has."""
        if trial_id in self.ledger.in_flight:
            return self.ledger
        return self.runs if self.runs is not None and trial_id in self.runs else None

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Ray is done with a trial or run."""
        cause = self.errors.pop(trial_id, None)
        fault = fault_of_trial(cause) if error else None
        if fault == Fault.SETUP and cause is not None:
            self.ledger.setup_error = setup_failure(cause)
        try:
            if owner := self.in_flight(trial_id):
                owner.ended(trial_id, fault)
        except OSError as write_error:
            self.ledger.write_error = write_error

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune pickles it for a way to resume that is not ours."""
        return {}

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
        self._kept = 0
        """How many workers Tune was told to keep."""

    def __getstate__(self) -> dict[str, Any]:
        """Nothing, like the searcher."""
        return {}

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
            owner = self.searcher.in_flight(trial.trial_id)
            return continues if owner and owner.report(trial.trial_id, result) else stops
        except OSError as error:  # Tune would blame the trial and go on.
            self.ledger.write_error = error
            return stops

    def choose_trial_to_run(self, tune_controller: Any) -> None:
        """None, so that Ray gives a warm worker to the next trial that has none.

        A trial named here would get a worker even while one is being started for it, which is then
        thrown away; short trials would all run in one worker, one after the other. Ray calls this
        several times a second, so it is also where trials are found that take too long, wait for
        room, or need not run any more.
        """
        try:
            self._look(tune_controller)
        except OSError as error:
            self.ledger.write_error = error

    def _look(self, tune_controller: Any) -> None:
        live, ledger, runs = (
            list(tune_controller.get_live_trials()),
            self.ledger,
            self.searcher.runs,
        )
        pending = [trial for trial in live if trial.status == Trial.PENDING]
        running = [trial for trial in live if trial.status == Trial.RUNNING]
        labels = map(self._label, pending)
        self.room.without_worker(label for label in labels if label is not None)
        if ledger.spec.trial_timeout is not None:
            self._end_overdue(running, ledger.spec.trial_timeout)
        if runs is not None:
            self._keep_workers(tune_controller, live)
            for trial in running:
                if trial.trial_id in runs:
                    runs.started(trial.trial_id)
        if ledger.stopping:
            stop_at = self.stop_at()
            late = stop_at is not None and time.monotonic() >= stop_at
            self._stop(tune_controller, live if late else pending)
            # Nothing of a run is recorded before its end.
            self._give_up(trial for trial in running if runs and trial.trial_id in runs)
        elif ledger.time_is_spent and ledger.in_flight:
            self._stop(tune_controller, pending)
            self._give_up(trial for trial in running if trial.trial_id in ledger.in_flight)
        elif tune_controller._actor_cache.num_cached_objects and self._hands_over(pending):
            tune_controller._cleanup_cached_actors(force_all=True)

    def _label(self, trial: Trial) -> int | tuple[int, int] | None:
        """What the room calls it: a trial's number, or a run's trial and seed."""
        ray_id, runs = trial.trial_id, self.searcher.runs
        if ray_id in self.ledger.in_flight:
            return self.ledger.in_flight[ray_id].number
        if runs is None or ray_id not in runs:
            return None
        return runs.run(ray_id).trial, runs.run(ray_id).seed

    def _keep_workers(self, tune_controller: Any, live: Sequence[Trial]) -> None:
        """Let the workers of the last trials wait for the runs that follow.

        Tune keeps one only, unless other trials wait for workers.
        """
        spec = self.ledger.spec
        most = max(spec.confirm_top * (spec.confirm_seeds or 1), spec.report_seeds)
        wanted = min(self.room.slots, most)
        if live and wanted > self._kept:  # A cluster may have grown.
            resources = live[0].placement_group_factory
            tune_controller._actor_cache.increase_max(resources, wanted - self._kept)
            self._kept = wanted

    def _stop(self, tune_controller: Any, trials: Iterable[Trial]) -> None:
        """End trials or runs. The ledger queues them again."""
        for trial in trials:
            trial.init_local_path()  # At the end, Tune asks each trial for its folder.
            tune_controller.stop_trial(trial)

    def _give_up(self, trials: Iterable[Trial]) -> None:
        """End trials or runs in the middle of an epoch. The ledger queues them again."""
        for trial in trials:
            if trial.status != Trial.RUNNING:
                continue
            if owner := self.searcher.in_flight(trial.trial_id):
                owner.ended(trial.trial_id)
            ray.kill(trial.temporary_state.ray_actor)

    def _hands_over(self, pending: Sequence[Trial]) -> bool:
        """Whether warm workers without a trial are given up, for other jobs of the cluster."""
        if not self.room.resources.shared:
            return False
        return self.room.hands_over() or (self.searcher.all_started and not pending)

    def _end_overdue(self, trials: Iterable[Trial], timeout: float) -> None:
        """Kill the workers of running trials that take longer than `timeout` seconds.

        A hanging process does not respond to anything else.
        """
        now = time.monotonic()
        for trial in trials:
            if trial.trial_id not in self.ledger.in_flight:
                continue
            if now - self.started.setdefault(trial.trial_id, now) > timeout:
                self.ledger.fail(trial.trial_id, f"it took longer than {duration(timeout)}")
                ray.kill(trial.temporary_state.ray_actor)
