"""Why a search runs no more trials."""

import enum

from optuna.trial import TrialState

from search.study import patience
from search.study.study import trials
from search.trials.ledger import Ledger


class Ending(enum.Enum):
    """Why no more trials are run."""

    DONE = "as many trials as were asked for"
    EXHAUSTED = "the space holds no other configuration"
    TIME = "the time budget is spent"
    PATIENCE = "no further trial is expected to be worth its time"
    INTERRUPTED = "the user stopped it"
    COMMON_FAILURE = "its first trials failed for one reason"


def ending_of(ledger: Ledger) -> Ending:
    """Why no more trials are run, once none is in flight."""
    study, spec = ledger.study, ledger.spec
    if ledger.stop_asked():  # Even if the last trial has ended meanwhile: no run starts after ^C.
        return Ending.INTERRUPTED
    if ledger.common_failure:
        return Ending.COMMON_FAILURE
    if len(trials(study)) >= spec.trials:
        return Ending.DONE
    queued = study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
    if ledger.exhausted and not queued:
        return Ending.EXHAUSTED
    if patience.is_spent(study, spec.patience):
        return Ending.PATIENCE
    return Ending.TIME if ledger.time_is_spent else Ending.INTERRUPTED
