"""`--patience`: whether further trials are worth their time."""

from typing import Literal

import optuna
from optuna.trial import TrialState

from analysis.budget.outlook import expected_gain
from search.race import NEGLIGIBLE_DIFFERENCE
from search.study.study import trials

Patience = int | Literal["auto"] | None
MIN_TRIALS = 20
"""`auto` decides after so many finished trials: twice those that TPE draws at random."""


def gain(study: optuna.Study) -> float | None:
    """By how much a few further trials are expected to raise the best accuracy, as a fraction.

    None where that cannot be said. A trial without a score counts with the lowest.
    """
    finished = [trial for trial in trials(study) if trial.state.is_finished()]
    scores = [trial.value for trial in finished if trial.state == TrialState.COMPLETE]
    known = [score for score in scores if score is not None]
    if not known:
        return None
    return expected_gain(known + [min(known)] * (len(finished) - len(known)))


def is_spent(study: optuna.Study, patience: Patience) -> bool:
    """Whether no further trial is to start.

    A number: so many trials have finished since the best one. `auto`: further trials are expected
    to raise the best accuracy by less than what makes a difference in practice.
    """
    if patience is None:
        return False
    finished = [trial for trial in trials(study) if trial.state.is_finished()]
    if patience == "auto":
        expected = gain(study) if len(finished) >= MIN_TRIALS else None
        return expected is not None and expected < NEGLIGIBLE_DIFFERENCE
    complete = [trial for trial in finished if trial.state == TrialState.COMPLETE]
    if not complete:
        return False
    best = max(complete, key=lambda trial: (trial.value or 0.0, -trial.number))
    return sum(trial.number > best.number for trial in finished) >= patience
