"""When a search ends because further trials are not worth their time."""

from pathlib import Path

import numpy as np
import optuna
import pytest

from search.race import NEGLIGIBLE_DIFFERENCE
from search.study import patience
from search.study import study as studies
from search.study.configuration import starting_points
from search.study.proposals import ask
from tests.specs import spec_in


def study_of(folder: Path, scores: list[float | None]) -> optuna.Study:
    """A study whose trials ended with these scores; None is a trial that was pruned."""
    search = spec_in(folder, sampler="random", trials=len(scores))
    study = studies.open_study(search)
    for score in scores:
        trial = ask(study, search)
        assert trial is not None
        state = optuna.trial.TrialState.PRUNED if score is None else None
        study.tell(trial, score, state=state)
    return study


@pytest.mark.parametrize(
    ("scores", "since"),
    [([0.5, 0.9, 0.8, None], 2), ([0.5, 0.9, 0.9], 1), ([0.5, 0.6, 0.7], 0), ([None, None], None)],
)
def test_trials_without_a_new_best_are_counted(
    scores: list[float | None], since: int | None, tmp_path: Path
) -> None:
    study = study_of(tmp_path, scores)
    spent = [patience.is_spent(study, limit) for limit in (1, 2, 3)]
    assert spent == [since is not None and since >= limit for limit in (1, 2, 3)]
    assert not patience.is_spent(study, None)


def test_auto_ends_a_plateau_and_continues_a_climb(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    flat = study_of(tmp_path / "flat", list(0.88 - random.exponential(0.002, 24)))
    steep = study_of(tmp_path / "steep", list(random.normal(0.7, 0.1, 24)))
    expected = [patience.gain(study) for study in (flat, steep)]
    assert expected[0] is not None and expected[0] < NEGLIGIBLE_DIFFERENCE
    assert expected[1] is not None and expected[1] > 5 * NEGLIGIBLE_DIFFERENCE
    assert [patience.is_spent(study, "auto") for study in (flat, steep)] == [True, False]


def test_auto_ends_where_pruned_proposals_stay_behind_a_given_trial(tmp_path: Path) -> None:
    """Trial 0 does not learn, the next one does, and the sampler finds nothing as good early on."""
    search = spec_in(
        tmp_path, regime="supcon", sampler="random", trials=patience.MIN_PATIENCE_TRIALS
    )
    study, random = studies.open_study(search), np.random.default_rng(0)
    spent = []
    for number in range(search.trials):
        trial = ask(study, search)
        assert trial is not None
        if number < len(starting_points(search)):
            trial.report(0.8, 1)
            study.tell(trial, 0.05 if number == 0 else 0.9)
        else:
            trial.report(random.normal(0.6, 0.05), 1)
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        spent.append(patience.is_spent(study, "auto"))
    assert spent == [False] * (patience.MIN_PATIENCE_TRIALS - 1) + [True]


def test_auto_waits_for_enough_trials(tmp_path: Path) -> None:
    assert not patience.is_spent(
        study_of(tmp_path, [0.8] * (patience.MIN_PATIENCE_TRIALS - 1)), "auto"
    )
