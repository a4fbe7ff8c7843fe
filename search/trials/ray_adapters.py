"""The ledger as Ray Tune's searcher and scheduler.

Ray calls the scheduler before anything else with a result, so that is where an epoch enters the
journal: nothing acts on an epoch that is not recorded. The study decides; a resumed search needs no
state of Ray's.
"""

import time
from collections.abc import Iterable
from typing import Any

import ray
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from analysis.text import duration
from search.study.records import CONFIG
from search.trials.ledger import Ledger


class StudySearcher(Searcher):
    """Proposes the trials that the study asks for."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(metric="validation_accuracy", mode="max")
        self.ledger = ledger

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next trial's number and configuration; None if none is due while others run;
        `Searcher.FINISHED` at the end."""
        ledger, trial = self.ledger, None
        end: str = Searcher.FINISHED
        if ledger.stopping:
            return end
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
        try:
            self.ledger.ended(trial_id, worker_died=error)
        except OSError as write_error:
            self.ledger.write_error = write_error

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the journal has it."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: the journal has it."""


class StudyScheduler(FIFOScheduler):
    """Runs trials in the order in which they were asked for. The study decides which continue."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self.ledger = ledger
        self.started: dict[str, float] = {}
        """When each trial was first seen running, by `time.monotonic`."""

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
        several times a second, so it is also where trials that take too long are found.
        """
        if self.ledger.spec.trial_timeout is not None:
            try:
                self._end_overdue(tune_controller.get_live_trials(), self.ledger.spec.trial_timeout)
            except OSError as error:
                self.ledger.write_error = error

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
