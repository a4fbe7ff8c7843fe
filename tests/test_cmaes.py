"""CMA-ES over spaces with conditional parameters: that it proposes, that it finds, and that a restart changes nothing."""

import math
from pathlib import Path
from statistics import median
from typing import Any

import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import RandomSampler
from optuna.trial import TrialState

import trainables
from search import study as studies
from search.cmaes import PROPOSED, CmaEs
from search.sampler import ByNumber
from search.searcher import FINISHED, Ledger
from search.spec import SearchSpec

SPACE: dict[str, BaseDistribution] = {
    "x": FloatDistribution(-5.0, 5.0),
    "rate": FloatDistribution(1e-5, 1e-1, log=True),
    "layers": IntDistribution(1, 12),
    "kind": CategoricalDistribution(["a", "b"]),
    "only_a": FloatDistribution(0.0, 1.0),
    "only_b": FloatDistribution(0.0, 1.0),
}


def objective(trial: optuna.Trial) -> float:
    """Best, 1, at x = 2, rate = 1e-3, 4 layers, and 0.3 of what the kind has."""
    x, rate = trial.suggest_float("x", -5.0, 5.0), trial.suggest_float("rate", 1e-5, 1e-1, log=True)
    layers = trial.suggest_int("layers", 1, 12)
    own = trial.suggest_float(f"only_{trial.suggest_categorical('kind', ['a', 'b'])}", 0.0, 1.0)
    return 1 - ((x - 2) / 10) ** 2 - (math.log10(rate / 1e-3) / 4) ** 2 - ((layers - 4) / 11) ** 2 - (own - 0.3) ** 2


def cmaes(seed: int, space: dict[str, BaseDistribution] = SPACE) -> CmaEs:
    return CmaEs(seed, space, ByNumber(seed))


@pytest.mark.parametrize("regime", trainables.names())
def test_it_proposes_every_trial_after_the_points(regime: str, tmp_path: Path) -> None:
    """50 trials of a search that prunes: each number that a trial was given is the one proposed."""
    spec = SearchSpec(regime=regime, data="embedded", model="minilm", name="s", results=str(tmp_path), sampler="cmaes", epochs=1)
    spec.folder.mkdir(parents=True)
    ledger, points = Ledger(studies.open_study(spec), spec), 0
    numbers = {name for name, found in studies.ranges(spec).items() if not isinstance(found, CategoricalDistribution)}
    for number in range(50):
        trial = ledger.ask("a")
        assert trial is not None
        frozen = ledger.study.get_trials(deepcopy=False)[trial.number]
        if PROPOSED not in frozen.system_attrs:
            points += 1
        else:
            assert {name: trial.relative_params[name] for name in numbers & set(trial.params)} == {  # type: ignore[attr-defined]
                name: trial.params[name] for name in numbers & set(trial.params)
            }
        report = {"epoch": 1, "stage": "x", "train_loss": 1.0, "train_accuracy": None, "validation_loss": 1.0, "steps": 1, "seconds": 0.1}
        known = {"validation_accuracy": number / 100, "best_accuracy": number / 100, "learning_rate": 0.1, "micro_batch": 16}
        ledger.report("a", report | known)
        if "a" in ledger.open:
            ledger.report("a", {FINISHED: True})
    assert points <= 3


def test_it_finds_what_random_search_does_not() -> None:
    """60 trials, nine seeds: the median of how far from the best each ends."""

    def far(sampler: optuna.samplers.BaseSampler) -> float:
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.optimize(objective, n_trials=60)
        return 1 - study.best_value

    ours, random = (median(far(make(seed)) for seed in range(9)) for make in (cmaes, RandomSampler))
    assert ours < random / 2


def test_a_restart_in_the_middle_changes_nothing() -> None:
    """Also not of a trial that was running, which keeps its parameters and its point."""
    whole = optuna.create_study(direction="maximize", sampler=cmaes(3))
    whole.optimize(objective, n_trials=40)
    storage = optuna.storages.InMemoryStorage()
    cut = optuna.create_study(direction="maximize", storage=storage, study_name="s", sampler=cmaes(3))
    cut.optimize(objective, n_trials=17)
    running = cut.ask()
    objective(running)
    storage.set_trial_state_values(running._trial_id, TrialState.WAITING)
    again = optuna.load_study(storage=storage, study_name="s", sampler=cmaes(3))
    again.optimize(objective, n_trials=23)
    assert [(trial.params, trial.value) for trial in again.trials] == [(trial.params, trial.value) for trial in whole.trials]


def test_points_of_the_user_count_as_what_they_are() -> None:
    """Nine of ten trials are given: the next one is near the best of them, not where the optimizer would have begun."""
    study = optuna.create_study(direction="maximize", sampler=cmaes(0))
    for x in [-4.5, -4.0, -4.4, -4.6, -4.2, -4.1, -4.3, -4.7, -3.9, -4.8] * 3:
        study.enqueue_trial({"x": x})
    study.optimize(lambda trial: -abs(objective_x(trial) + 4.5), n_trials=30)
    assert not any(PROPOSED in trial.system_attrs for trial in study.trials)
    asked = [objective_x(study.ask()) for _ in range(20)]
    assert median(asked) < -3


def objective_x(trial: optuna.Trial) -> float:
    return trial.suggest_float("x", -5.0, 5.0)


@pytest.mark.parametrize(
    ("space", "suggest"),
    [
        ({"x": FloatDistribution(0.0, 1.0)}, lambda trial: trial.suggest_float("x", 0.0, 1.0)),
        ({"n": IntDistribution(1, 3)}, lambda trial: trial.suggest_int("n", 1, 3)),
        ({"n": IntDistribution(2, 2)}, lambda trial: trial.suggest_int("n", 2, 2)),
        ({}, lambda trial: trial.suggest_categorical("c", [1, 2])),
    ],
    ids=["one number", "one count", "one value", "choices alone"],
)
@pytest.mark.parametrize("score", [0.5, -math.inf], ids=["equal scores", "infinite scores"])
def test_small_spaces_and_scores_that_say_nothing_do_no_harm(space: dict[str, Any], suggest: Any, score: float) -> None:
    study = optuna.create_study(direction="maximize", sampler=cmaes(0, space))
    study.optimize(lambda trial: (suggest(trial), score)[1], n_trials=30)
    assert len(study.trials) == 30


def test_a_range_that_was_wider_in_an_earlier_version_is_clipped() -> None:
    study = optuna.create_study(direction="maximize", sampler=cmaes(0))
    wide = {"x": FloatDistribution(-50.0, 50.0), "rate": FloatDistribution(1e-9, 1.0, log=True)}
    for _ in range(20):
        study.add_trial(optuna.trial.create_trial(params={"x": 40.0, "rate": 1e-8}, distributions=wide, value=0.9))
    study.optimize(objective, n_trials=20)
    assert len(study.trials) == 40


def test_nothing_in_the_journal_is_a_pickle(tmp_path: Path) -> None:
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(tmp_path / "journal")))
    optuna.create_study(direction="maximize", sampler=cmaes(0), storage=storage).optimize(objective, n_trials=30)
    attributes = [trial.system_attrs for trial in optuna.load_study(study_name=None, storage=storage).trials]
    assert all(set(found) == {PROPOSED} and all(isinstance(number, float) for number in found[PROPOSED]) for found in attributes)
