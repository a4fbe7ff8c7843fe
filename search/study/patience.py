"""`--patience`: whether further trials are worth their time."""

from typing import Literal

import optuna
from optuna.trial import FrozenTrial, TrialState

from analysis.budget.outlook import Ended, expected_gain
from search.race import NEGLIGIBLE_DIFFERENCE
from search.study import records
from search.study.study import trials

Patience = int | Literal["auto"] | None
MIN_PATIENCE_TRIALS = 20
"""`auto` decides after so many finished trials: twice those that TPE draws at random."""


def gain(study: optuna.Study) -> float | None:
    """By how much a few further trials are expected to raise the best accuracy, as a fraction.

    None where that cannot be said.
    """
    return expected_gain([_ended(trial) for trial in trials(study) if trial.state.is_finished()])


def _ended(trial: FrozenTrial) -> Ended:
    final = None if trial.state == TrialState.PRUNED else trial.value or 0.0
    return Ended(trial.intermediate_values, final, records.is_starting_point(trial))


def is_spent(study: optuna.Study, patience: Patience) -> bool:
    """Whether no further trial is to start.

    A number: so many trials have finished since the best one. `auto`: further trials are expected
    to raise the best accuracy by less than what makes a difference in practice.
    """
    if patience is None:
        return False
    finished = [trial for trial in trials(study) if trial.state.is_finished()]
    if patience == "auto":
        expected = gain(study) if len(finished) >= MIN_PATIENCE_TRIALS else None
        return expected is not None and expected < NEGLIGIBLE_DIFFERENCE
    complete = [trial for trial in finished if trial.state == TrialState.COMPLETE]
    if not complete:
        return False
    best = max(complete, key=lambda trial: (trial.value or 0.0, -trial.number))
    return sum(trial.number > best.number for trial in finished) >= patience
