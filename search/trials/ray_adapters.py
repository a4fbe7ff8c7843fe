"""Ray Tune asks, the study answers: which configuration comes next, and whether a trial goes on.

Ray calls a scheduler before anything else with a result, so that is where an epoch enters the
journal: nothing acts on an epoch that is not written. The scheduler asks Optuna's pruner, which
reads the rungs from the study; so a search that is resumed, or whose driver died, needs no state of
Ray's.
"""

import math
import time
from collections.abc import Callable, Iterable
from typing import Any

import optuna
import ray
from optuna.trial import TrialState
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from analysis.text import duration
from search.cluster.watchdog import ray_is_alive
from search.spec import SearchSpec
from search.study import study as studies
from search.trials.system_metrics import BESIDE

FINISHED, FAILED, LOST = "finished", "failed", "lost"
"""Keys of a trial's last report: it came to its end, or the reason why it did not, or why its
worker is lost with it."""

STOPPABLE = 2 / 3
"""Share of the budget in which a trial may be stopped: later it would save little, and lose a score
at full budget."""

HOPELESS = 3
"""First trials that fail for one reason, after which a search stops: the reason is not theirs."""


class Ledger:
    """The trials in flight, by Ray's trial id, and what the study has to be told of them.

    `stopping` says that the user wants no more.
    """

    def __init__(
        self, study: optuna.Study, spec: SearchSpec, stopping: Callable[[], bool] = lambda: False
    ) -> None:
        self.study, self.spec, self.stopping = study, spec, stopping
        self.open: dict[str, optuna.Trial] = {}
        self.known = studies.known(study)
        self.lost_workers: dict[str, str] = {}
        """Why a trial's worker is about to end, where it said so."""
        self.exhausted = False
        self.failures: list[str] = []
        """Reasons of the trials that ended in this process, as long as all of them failed."""
        self.succeeded = False
        self.lost: OSError | None = None
        """Why the journal can't be written any more."""

    @property
    def hopeless(self) -> str | None:
        """Why no further trial is worth its time."""
        first = self.failures[:HOPELESS]
        return (
            first[0]
            if not self.succeeded and len(first) == HOPELESS and len(set(first)) == 1
            else None
        )

    @property
    def over(self) -> bool:
        """No trial is begun, and none goes on beyond its epoch."""
        return self.lost is not None or self.hopeless is not None or self.stopping()

    @property
    def enough(self) -> bool:
        """As many trials as were asked for have ended or are running, or there are no others."""
        return self.exhausted or len(studies.trials(self.study)) >= self.spec.trials

    def ask(self, ray_id: str) -> optuna.Trial | None:
        """The next trial to run, or None where the space is exhausted."""
        trial = studies.ask(self.study, self.spec, self.known)
        if trial is None:
            self.exhausted = True
        else:
            self.open[ray_id] = trial
        return trial

    def report(self, ray_id: str, result: dict[str, Any]) -> bool:
        """Write what a trial reported, with all that follows from it; whether the trial goes on."""
        trial = self.open.get(ray_id)
        if trial is None:
            return False
        if FAILED in result:
            self.close(ray_id, TrialState.FAIL, result[FAILED])
            return False
        if LOST in result:
            self.lost_workers[ray_id] = result[LOST]
            return True
        recorded = studies.epochs(self._recorded(trial))
        if FINISHED in result:
            if recorded:
                self.close(
                    ray_id, TrialState.COMPLETE, score=recorded[-1]["best_validation_accuracy"]
                )
            else:
                self.close(ray_id, TrialState.FAIL, "it ended without an epoch")
            return False
        if not math.isfinite(result["validation_accuracy"] + result["best_validation_accuracy"]):
            self.close(
                ray_id, TrialState.FAIL, f"its accuracy was not a number in epoch {result['epoch']}"
            )
            return False
        if all(
            epoch["epoch"] != result["epoch"] for epoch in recorded
        ):  # else an earlier attempt got as far, and was let on
            with studies.entry(self.study):
                if self._prunes(trial, result):
                    self.close(ray_id, TrialState.PRUNED)
                    return False
        return not self.over

    def _prunes(self, trial: optuna.Trial, result: dict[str, Any]) -> bool:
        """Record an epoch; whether Optuna's pruner ends the trial with it.

        Trial 0 never is: others are held against it.

        The pruner is asked of trial 0 too, because it records the rungs.
        """
        epoch = {key: result[key] for key in studies.EPOCH_FIELDS} | {
            key: result[key] for key in BESIDE if key in result
        }
        number = epoch["epoch"]
        trial.report(epoch["validation_accuracy"], number)
        trial.set_user_attr(f"{studies.EPOCH}{number}", epoch)
        return number <= STOPPABLE * self.spec.epochs and trial.should_prune() and trial.number != 0

    def close(
        self, ray_id: str, state: TrialState, reason: str | None = None, score: float | None = None
    ) -> None:
        """Tell the study how a trial ended."""
        trial = self.open.pop(ray_id)
        with studies.entry(self.study):
            if reason is not None:
                trial.set_user_attr(studies.REASON, reason)
            self.study.tell(trial, values=score, state=state)
        if state == TrialState.FAIL:
            self.failures.append(str(reason))
        else:
            self.succeeded = True

    def gone(self, ray_id: str, died: bool) -> None:
        """Ray says that a trial is over.

        If it is still open here, its worker died, or the search was stopped: it will run again.

        A worker that dies twice of one trial does not get a third.
        """
        if ray_id not in self.open or (
            died and not ray_is_alive()
        ):  # with Ray gone the next process finds it running, and repeats it
            return
        trial = self.open[ray_id]
        why = self.lost_workers.pop(ray_id, "its worker died twice: killed, or out of memory")
        if died and studies.DIED in self._recorded(trial).user_attrs:
            self.close(ray_id, TrialState.FAIL, why)
            return
        del self.open[ray_id]
        with studies.entry(self.study):
            if died:
                trial.set_user_attr(studies.DIED, True)
            studies.requeue(self.study, trial.number)

    def _recorded(self, trial: optuna.Trial) -> optuna.trial.FrozenTrial:
        return self.study._storage.get_trial(trial._trial_id)


class StudySearcher(Searcher):
    """Proposes what the study asks for."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(metric="validation_accuracy", mode="max")
        self.ledger = ledger

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next trial's number and configuration; None where none is due as long as others run;
        or Ray's word for the end."""
        ledger, trial = self.ledger, None
        finished: str = Searcher.FINISHED
        if ledger.over:
            return finished
        try:
            if not ledger.enough:
                trial = ledger.ask(trial_id)
        except OSError as error:
            ledger.lost = error
            return finished
        if trial is None:
            return (
                None if ledger.open else finished
            )  # one of those that run may lose its worker, and have to be run again
        return {"trial": trial.number, "config": trial.user_attrs[studies.CONFIG]}

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Ray is done with a trial."""
        try:
            self.ledger.gone(trial_id, died=error)
        except OSError as lost:
            self.ledger.lost = lost

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the journal has it."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: the journal has it."""


class StudyScheduler(FIFOScheduler):
    """Runs trials in the order of asking; the study decides which of them go on."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self.ledger = ledger
        self.began: dict[str, float] = {}

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Record the epoch, then decide."""
        goes_on: str = TrialScheduler.CONTINUE
        stops: str = TrialScheduler.STOP
        try:
            return goes_on if self.ledger.report(trial.trial_id, result) else stops
        except OSError as error:  # Tune would take it for the trial's own, and go on
            self.ledger.lost = error
            return stops

    def choose_trial_to_run(self, tune_controller: Any) -> None:
        """None:

        Ray then gives a warm worker to whichever trial has none on its way, in the order of asking.

        A trial that is named here is given it also where a worker is being started for it, which is
        then thrown away; so short trials would all run in one worker, one after the other. Ray asks
        several times a second, so this is also where a trial that takes too long is found.
        """
        if self.ledger.spec.trial_timeout is not None:
            try:
                self._end_overdue(tune_controller.get_live_trials(), self.ledger.spec.trial_timeout)
            except OSError as error:
                self.ledger.lost = error

    def _end_overdue(self, trials: Iterable[Trial], timeout: float) -> None:
        """Kill the workers of trials that run for longer than `timeout`: what hangs does not
        listen."""
        now = time.monotonic()
        for trial in trials:
            if trial.status != Trial.RUNNING or trial.trial_id not in self.ledger.open:
                continue
            if now - self.began.setdefault(trial.trial_id, now) > timeout:
                self.ledger.close(
                    trial.trial_id, TrialState.FAIL, f"it took longer than {duration(timeout)}"
                )
                ray.kill(trial.temporary_state.ray_actor)
