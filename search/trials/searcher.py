"""What one search gives Ray Tune to run: its trials, then the choice and report runs."""

from collections.abc import Callable
from typing import Any

import ray
from ray.tune.search import Searcher

from search.cluster.capacity import Capacity
from search.study.records import CONFIG
from search.trials.ending import Ending, ending_of
from search.trials.faults import Fault, fault_of_trial, setup_failure
from search.trials.ledger import Ledger
from search.trials.run_ledger import RunLedger


class StudySearcher:
    """Proposes the trials that the study asks for, then the choice and report runs.

    `runs`: those that follow the trials, if any do. `job` returns what all of them share, in the
    object store. `stop_at`: when trials that still run are given up, by `time.monotonic`; None:
    never.
    """

    def __init__(
        self,
        ledger: Ledger,
        capacity: Capacity,
        runs: RunLedger | None = None,
        job: Callable[[], ray.ObjectRef | None] = lambda: None,
        stop_at: Callable[[], float | None] = lambda: None,
    ) -> None:
        self.ledger, self.capacity, self.runs = ledger, capacity, runs
        self.job, self.stop_at = job, stop_at
        self.ending: Ending | None = None
        """Why no more trials are run; None until then."""
        self.errors: dict[str, BaseException] = {}
        """Why the workers of trials died, as the scheduler was told."""
        self.started: dict[str, float] = {}
        """When each trial was first seen running, by `time.monotonic`."""

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
        self.capacity.refresh()
        if self._in_flight >= self.capacity.slots:
            return None
        try:
            if not ledger.all_trials_started and (trial := ledger.ask(trial_id)) is not None:
                config = CONFIG.read(trial)
                params = {"trial": trial.number, "config": config, "seed": ledger.spec.seed}
                if trial.number == 0:
                    params["test_inputs"] = None  # The winner is compared with it.
            elif self.runs is not None and not ledger.in_flight and self._runs_are_due():
                params = self.runs.ask(trial_id)
        except OSError as error:
            ledger.write_error = error
            return end
        if params is None and not self._in_flight:
            return end
        # None: a running one may lose its worker, or further runs may follow from it.
        return None if params is None else {**params, "job": self.job()}

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
        """The ledger that has the trial or run in flight, if one has."""
        if trial_id in self.ledger.in_flight:
            return self.ledger
        return self.runs if self.runs is not None and trial_id in self.runs else None

    def label(self, trial_id: str) -> int | tuple[int, int] | None:
        """How `Capacity` knows what is in flight: a trial's number, or a run's trial and seed."""
        if trial_id in self.ledger.in_flight:
            return self.ledger.in_flight[trial_id].number
        if self.runs is None or trial_id not in self.runs:
            return None
        return self.runs.run(trial_id).trial, self.runs.run(trial_id).seed

    def report(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Record what a trial or run reports. Returns whether it continues."""
        try:
            owner = self.in_flight(trial_id)
            return owner is not None and owner.report(trial_id, result)
        except OSError as error:  # Tune would blame the trial and go on.
            self.ledger.write_error = error
            return False

    def ended(self, trial_id: str, *, error: bool = False) -> None:
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
