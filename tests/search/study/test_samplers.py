"""What TPE sees of a search of thousands of trials."""

import random
from typing import Any

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.study import samplers
from search.study.records import DUPLICATE_OF
from search.study.samplers import BEST_TRIALS, PenaliseFailures, best_and_newest, penalised
from tests.specs import spec

UNIT = FloatDistribution(0.0, 1.0)
STATES = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


def study_of(count: int, **how: Any) -> optuna.Study:
    """A study of trials in all states, whose score falls with the distance of x from 0.3."""
    study = optuna.create_study(direction="maximize", **how)
    generator = random.Random(0)
    for number in range(count):
        x, state = generator.random(), generator.choices(STATES, (5, 4, 1))[0]
        study.add_trial(
            create_trial(
                state=state,
                value=1 - abs(x - 0.3) if state == TrialState.COMPLETE else None,
                params={"x": x},
                distributions={"x": UNIT},
                intermediate_values={1: 0.5 - abs(x - 0.3)},
                user_attrs={DUPLICATE_OF.name: 0} if number % 97 == 5 else {},
            )
        )
    return study


def ended(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def test_few_trials_are_all_seen() -> None:
    study = study_of(60)
    all_trials = penalised(study).get_trials(deepcopy=False)
    assert penalised(study, 1000).get_trials(deepcopy=False) == all_trials


def test_of_many_the_best_the_newest_and_the_running_are_seen() -> None:
    study, most = study_of(700), 250
    running = [study.ask().number for _ in range(3)]
    everything, seen = ended(penalised(study)), ended(penalised(study, most))
    assert len(everything) > most == len(seen)
    complete = [trial for trial in everything if trial.state == TrialState.COMPLETE]
    best = sorted(complete, key=lambda trial: -(trial.value or 0.0))[:BEST_TRIALS]
    assert {trial.number for trial in best} < {trial.number for trial in seen}
    newest = [trial.number for trial in everything if trial not in best][-(most - BEST_TRIALS) :]
    assert {trial.number for trial in seen} == {trial.number for trial in best} | {*newest}
    assert [trial.number for trial in seen] == sorted(trial.number for trial in seen)
    view = penalised(study, most).get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    assert [trial.number for trial in view] == running
    assert best_and_newest(everything, len(everything)) is everything


def test_tpe_takes_the_same_trials_for_good_whatever_it_does_not_see() -> None:
    """Its estimate of what is good rests on the best, which are always seen."""
    study = study_of(700)
    good = optuna.samplers._tpe.sampler.default_gamma(10**6)
    assert good <= BEST_TRIALS
    split = optuna.samplers._tpe.sampler._split_trials
    whole, _ = split(study, ended(penalised(study)), good)
    part, _ = split(study, ended(penalised(study, 250)), good)
    assert [trial.number for trial in whole] == [trial.number for trial in part]


@pytest.mark.parametrize(("count", "same"), [(80, True), (400, False)])
def test_a_proposal_below_the_limit_is_that_of_the_whole_study(count: int, same: bool) -> None:
    def proposals(most: int | None) -> list[float]:
        sampler = PenaliseFailures(lambda seed: TPESampler(seed=seed, multivariate=True), 0, most)
        study = study_of(count, sampler=sampler)
        return [study.ask({"x": UNIT}).params["x"] for _ in range(4)]

    assert (proposals(100) == proposals(None)) is same


def test_only_tpe_forgets() -> None:
    def most(name: str) -> int | None:
        made = samplers.sampler(spec(regime="llrd", sampler=name))
        return made.max_trials if isinstance(made, PenaliseFailures) else None

    assert [most(name) for name in ("tpe", "gp", "cmaes", "random")] == [1000, None, None, None]
