"""The ledger of the trials in flight: records what they report, and returns what is decided."""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from analysis.metric import run_score, validation_field
from search.cluster.watchdog import ray_is_alive
from search.spec import SearchSpec
from search.study import patience, records
from search.study.proposals import ask, first_trial_of_each
from search.study.pruners import prunes
from search.study.study import requeue, transaction, trials
from search.trials.faults import Fault, Losses
from search.trials.worker import ValidationPredictions
from search.worker_reports import RUN_FAILED, RUN_FINISHED, WORKER_LOST

MAX_EQUAL_FAILURES = 3
"""If the first trials, so many, all fail for one reason, the search stops: the cause is common."""


class Ledger:
    """The trials in flight by Ray's trial id. `stop_asked`: whether the user wants to stop."""

    def __init__(
        self, study: optuna.Study, spec: SearchSpec, stop_asked: Callable[[], bool] = lambda: False
    ) -> None:
        self.study, self.spec, self.stop_asked = study, spec, stop_asked
        self.in_flight: dict[str, optuna.Trial] = {}
        self.exhausted = False
        """Whether the space holds no other configuration."""
        self.write_error: OSError | None = None
        """Why the journal can no longer be written."""
        self.setup_error: OSError | None = None
        """Why no worker can be started, for no trial."""
        self.trials_end = math.inf
        """When the time budget ends the trials, by `time.monotonic`."""
        self.first_trials = first_trial_of_each(study, spec)
        """The number of the first trial of each configuration."""
        self._lost_workers: dict[str, str] = {}
        """Why the worker of a trial is about to end, if it said so."""
        self._failures: list[str] = []
        """Why trials failed, in this process."""
        self._succeeded = False
        """Whether a trial was pruned or complete, in this process."""
        # Counted here: it is needed after each event, and reading thousands of trials takes time.
        self._ended = len(trials(study))
        """How many trials have started and are not in flight here, in all processes."""
        self._patience: tuple[int, bool] | None = None
        """Whether the patience was spent after so many."""

    @property
    def common_failure(self) -> str | None:
        """The reason for which the first trials failed, if no further trial is worth its time."""
        first = self._failures[:MAX_EQUAL_FAILURES]
        equal = len(first) == MAX_EQUAL_FAILURES and len(set(first)) == 1
        return first[0] if equal and not self._succeeded else None

    @property
    def stopping(self) -> bool:
        """Whether no trial starts any more, and none continues after its epoch."""
        broken = self.write_error or self.setup_error or self.common_failure
        return broken is not None or self.stop_asked()

    def start_clock(self) -> None:
        """The time budget counts from now on."""
        if self.spec.time_budget is not None:
            self.trials_end = time.monotonic() + self.spec.time_budget

    @property
    def time_is_spent(self) -> bool:
        """Whether the time budget ends the trials."""
        return time.monotonic() >= self.trials_end

    @property
    def all_trials_started(self) -> bool:
        """Whether no other trial is to start."""
        return (
            self.exhausted
            or self.time_is_spent
            or self._ended + len(self.in_flight) >= self.spec.trials
            or self._patience_is_spent()
        )

    def ask(self, ray_id: str) -> optuna.Trial | None:
        """The next trial to run, or None if the space is exhausted."""
        trial = ask(self.study, self.spec, self.first_trials)
        if trial is None:
            self.exhausted = True
        else:
            self.in_flight[ray_id] = trial
        return trial

    def report(self, ray_id: str, report: dict[str, Any]) -> bool:
        """Record a trial's report with all that follows from it. Returns whether it continues."""
        trial = self.in_flight.get(ray_id)
        if trial is None:
            return False
        if RUN_FAILED in report:
            self.fail(ray_id, report[RUN_FAILED])
            return False
        if WORKER_LOST in report:
            self._lost_workers[ray_id] = report[WORKER_LOST]
            return True
        if RUN_FINISHED in report:
            self._finish(ray_id, trial, report[RUN_FINISHED])
            return False
        if problem := not_a_number(report):
            self.fail(ray_id, problem)
            return False
        # An epoch that an earlier attempt recorded was judged then, and the trial continued.
        if report["epoch"] not in {epoch["epoch"] for epoch in self._epochs(trial)}:
            with transaction(self.study):
                if self._prunes(trial, report):
                    self._close(ray_id, TrialState.PRUNED)
                    return False
        return not self.stopping

    def fail(self, ray_id: str, reason: str) -> None:
        """Record that a trial failed."""
        trial = self.in_flight[ray_id]
        with transaction(self.study):
            records.FAILURE.write(trial, reason)
            self._close(ray_id, TrialState.FAIL)
        self._failures.append(reason)

    def ended(self, ray_id: str, fault: Fault | None = None) -> None:
        """Ray is done with a trial; `fault` says why its worker died, if it did.

        If it is still in flight here, it is queued again, unless it has lost too many workers.
        """
        if ray_id not in self.in_flight:
            return
        if fault is not None and not ray_is_alive():
            return  # Ray itself is gone. The next process finds the trial running and repeats it.
        trial = self.in_flight[ray_id]
        stored = self._stored(trial)
        before = Losses(records.WORKER_DIED.read(stored), records.NODES_LOST.read(stored))
        lost = before.after(fault)
        if reason := lost.too_many(self._lost_workers.pop(ray_id, None)):
            self.fail(ray_id, reason)
            return
        del self.in_flight[ray_id]
        with transaction(self.study):
            if fault == Fault.PROCESS:
                records.WORKER_DIED.write(trial, True)
            if fault == Fault.NODE:
                records.NODES_LOST.write(trial, lost.nodes)
            requeue(self.study, trial.number)
        self.exhausted = False  # It is to be asked for.

    def _patience_is_spent(self) -> bool:
        if self._patience is None or self._patience[0] != self._ended:
            self._patience = self._ended, patience.is_spent(self.study, self.spec.patience)
        return self._patience[1]

    def _prunes(self, trial: optuna.Trial, report: dict[str, Any]) -> bool:
        """Record an epoch. Returns whether the pruner ends the trial with it."""
        number = report["epoch"]
        trial.report(report[validation_field(self.spec.metric)], number)
        records.record_epoch(trial, report)
        return prunes(trial, number, self.spec.epochs)

    def _finish(
        self, ray_id: str, trial: optuna.Trial, predictions: ValidationPredictions | None
    ) -> None:
        epochs = self._epochs(trial)
        if epochs:
            with transaction(self.study):
                if predictions is not None:
                    right = records.correct("validation", trial.number, self.spec.seed)
                    right.write(self.study, records.bits(predictions.correct))
                self._close(ray_id, TrialState.COMPLETE, run_score(epochs, self.spec.metric))
        else:
            self.fail(ray_id, "it ended without an epoch")

    def _close(self, ray_id: str, state: TrialState, score: float | None = None) -> None:
        self.study.tell(self.in_flight.pop(ray_id), values=score, state=state)
        self._succeeded |= state != TrialState.FAIL
        self._ended += 1

    def _epochs(self, trial: optuna.Trial) -> list[records.Record]:
        return records.epochs(self._stored(trial))

    def _stored(self, trial: optuna.Trial) -> FrozenTrial:
        return self.study._storage.get_trial(trial._trial_id)


def not_a_number(report: Mapping[str, Any]) -> str | None:
    """Why an epoch fails its trial or run, if its accuracy is no number."""
    if math.isfinite(report["validation_accuracy"] + report["best_validation_accuracy"]):
        return None
    return f"its accuracy was not a number in epoch {report['epoch']}"
