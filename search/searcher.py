"""Ray Tune asks, the study answers: which configuration comes next, and whether a trial goes on.

Ray calls a scheduler before anything else with a result, so that is where an epoch enters the journal: nothing acts on an epoch
that is not written. The scheduler asks Optuna's pruner, which reads the rungs from the study; so a search that is resumed, or whose
driver died, needs no state of Ray's.
"""

from typing import Any

import optuna
from optuna.trial import TrialState
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from search import study as studies
from search.spec import SearchSpec

FINISHED, FAILED = "finished", "failed"
"""Keys of a trial's last report: it came to its end, or the reason why it did not."""

STOPPABLE = 2 / 3
"""Share of the budget in which a trial may be stopped: later it would save little, and lose a score at full budget."""


class Ledger:
    """The trials in flight, by Ray's trial id, and what the study has to be told of them."""

    def __init__(self, study: optuna.Study, spec: SearchSpec) -> None:
        self.study, self.spec = study, spec
        self.open: dict[str, optuna.Trial] = {}
        self.exhausted = False

    def ask(self, ray_id: str) -> optuna.Trial | None:
        """The next trial to run, or None where the space is exhausted."""
        trial = studies.ask(self.study, self.spec)
        if trial is None:
            self.exhausted = True
        else:
            self.open[ray_id] = trial
        return trial

    def report(self, ray_id: str, result: dict[str, Any]) -> bool:
        """Write what a trial reported; whether it goes on. The paper's configuration always does: it is what others are held against."""
        trial = self.open.get(ray_id)
        if trial is None:
            return False
        if FAILED in result:
            self.close(ray_id, TrialState.FAIL, result[FAILED])
            return True
        if FINISHED in result:
            score = studies.epochs(self.study.get_trials(deepcopy=False)[trial.number])[-1]["best_accuracy"]
            self.close(ray_id, TrialState.COMPLETE, score=score)
            return True
        epoch = {key: result[key] for key in studies.EPOCH_FIELDS}
        trial.set_user_attr(f"{studies.EPOCH}{epoch['epoch']}", epoch)
        trial.report(epoch["validation_accuracy"], epoch["epoch"])
        if epoch["epoch"] > STOPPABLE * self.spec.epochs:
            return True
        if trial.should_prune() and not self._is_papers(trial):
            self.close(ray_id, TrialState.PRUNED)
            return False
        return True

    def _is_papers(self, trial: optuna.Trial) -> bool:
        return bool(trial.user_attrs.get(studies.FIRST_ATTEMPT, trial.number) == 0)

    def close(self, ray_id: str, state: TrialState, reason: str | None = None, score: float | None = None) -> None:
        """Tell the study how a trial ended."""
        trial = self.open.pop(ray_id)
        if reason is not None:
            trial.set_user_attr(studies.REASON, reason)
        self.study.tell(trial, values=score, state=state)

    def gone(self, ray_id: str, died: bool) -> None:
        """Ray says that a trial is over. If it is still open here, its worker died, or the search was stopped."""
        if ray_id in self.open:
            if died:
                self.close(ray_id, TrialState.FAIL, "its worker died: killed, or out of memory")
            else:
                studies.close_interrupted(self.study, self.open.pop(ray_id).number)


class StudySearcher(Searcher):
    """Proposes what the study asks for."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(metric="validation_accuracy", mode="max")
        self.ledger = ledger

    def suggest(self, trial_id: str) -> dict[str, Any] | str:
        """The next trial's number and configuration, or Ray's word for the end."""
        trial = self.ledger.ask(trial_id)
        if trial is None:
            finished: str = Searcher.FINISHED
            return finished
        return {"trial": trial.number, "config": trial.user_attrs[studies.CONFIG]}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Ray is done with a trial."""
        self.ledger.gone(trial_id, died=error)

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the journal has it."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: the journal has it."""


class StudyScheduler(FIFOScheduler):
    """Runs trials in the order of asking; the study decides which of them go on."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self.ledger = ledger

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Record the epoch, then decide."""
        decision: str = TrialScheduler.CONTINUE if self.ledger.report(trial.trial_id, result) else TrialScheduler.STOP
        return decision
