"""CMA-ES proposes the trials, in every space; it learns, goes on as if it had never stopped, and
survives every score."""

import itertools
import math
import zlib
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import optuna
import pytest
from cmaes import CatCMA
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.pruners import HyperbandPruner
from optuna.samplers import BaseSampler, RandomSampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

import spaces
from search.study import samplers
from search.study.cmaes import FINEST, SIGMA, CmaEs, Encoding, ranked
from search.study.configuration import point_parameters, searched_regimes
from tests.specs import spec

TRIALS = 50


class Watched(CmaEs):
    """Keeps what it proposed, by the trial's number."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.proposals: dict[int, dict[str, Any]] = {}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        self.proposals[trial.number] = super().sample_relative(study, trial, search_space)
        return self.proposals[trial.number]

    def proposed(self, trial: FrozenTrial) -> bool:
        """Whether every parameter of the trial is as CMA-ES proposed it."""
        return self.proposals.get(trial.number, {}).items() >= trial.params.items()


def conditional(trial: optuna.Trial) -> float:
    """Best, 0, with kind "b" at shared = 0.7, rate = 0.003 and width = 20.

    The other kind has parameters of its own.
    """
    loss = (trial.suggest_float("shared", 0, 1) - 0.7) ** 2
    if trial.suggest_categorical("kind", ["a", "b"]) == "b":
        loss += (
            math.log10(trial.suggest_float("rate", 1e-5, 1, log=True)) - math.log10(0.003)
        ) ** 2 / 25
        return -loss - ((trial.suggest_int("width", 1, 100) - 20) / 100) ** 2
    return (
        -loss
        - 0.2
        - trial.suggest_float("only_a", 0, 1) ** 2
        - trial.suggest_float("also_a", 0, 1) ** 2
    )


def searched(
    sampler: BaseSampler,
    objective: Callable[[optuna.Trial], float],
    trials: int = TRIALS,
    **where: Any,
) -> optuna.Study:
    study = optuna.create_study(sampler=sampler, direction="maximize", load_if_exists=True, **where)
    study.optimize(objective, n_trials=trials)
    return study


def journal(path: Path) -> dict[str, Any]:
    return {"study_name": "s", "storage": JournalStorage(JournalFileBackend(str(path)))}


def suggested(study: optuna.Study, regime: str) -> optuna.Trial:
    trial = study.ask()
    spaces.load(regime).space(trial)
    return trial


# It proposes


@pytest.mark.parametrize("regime", searched_regimes())
def test_cmaes_proposes_nearly_every_trial(regime: str) -> None:
    """After the enqueued points, as a search begins.

    Optuna's own proposed 5 of 50 in `baseline`, and then none.
    """
    watched = Watched(0)
    study = optuna.create_study(
        sampler=samplers.PenaliseFailures(lambda _: watched, 0), direction="maximize"
    )
    points = [{}, *getattr(spaces.load(regime), "POINTS", [])]
    for point in points:
        study.enqueue_trial(point_parameters(spec(regime=regime), point))
    scores = np.random.default_rng(0)
    for _ in range(TRIALS):
        study.tell(suggested(study, regime), float(scores.random()))
    later = study.trials[len(points) :]
    assert sum(map(watched.proposed, later)) >= 0.8 * len(later)
    assert len({tuple(trial.params.items()) for trial in later}) >= 0.8 * len(later)


@pytest.mark.parametrize("regime", ["baseline", "simclr"])
def test_cmaes_proposes_in_hyperbands_brackets(regime: str) -> None:
    """Each bracket is a study of its own, with fewer trials to learn names from."""
    watched = Watched(0)
    pruner = HyperbandPruner(min_resource=1, max_resource=9, reduction_factor=3)
    study = optuna.create_study(
        study_name="s",
        sampler=samplers.PenaliseFailures(lambda _: watched, 0),
        pruner=pruner,
        direction="maximize",
    )
    for number in range(TRIALS):
        trial = suggested(study, regime)
        trial.report(0.01 * (number % 7), 1)
        (
            study.tell(trial, 0.5, state=TrialState.COMPLETE)
            if number % 3 == 0
            else study.tell(trial, state=TrialState.PRUNED)
        )
    later = study.trials[10:]
    assert sum(map(watched.proposed, later)) >= 0.8 * len(later)


def test_trials_in_flight_get_proposals_of_their_own() -> None:
    """Eight at a time, which end in the opposite order."""
    watched, done = Watched(0), 0
    study = optuna.create_study(sampler=watched, direction="maximize")
    for _ in range(6):
        flight = [(trial, conditional(trial)) for trial in (study.ask() for _ in range(8))]
        for trial, score in reversed(flight):
            study.tell(trial, score)
        done += len(flight)
    later = study.trials[10:]
    assert len(study.trials) == done and sum(map(watched.proposed, later)) >= 0.8 * len(later)
    assert len({trial.params["shared"] for trial in study.trials}) == done


# It learns


def test_cmaes_beats_random_search_in_a_conditional_space() -> None:
    """The loss that the best of 50 trials leaves, in the middle of nine seeds."""
    loss = {
        kind: median(-searched(kind(seed), conditional).best_value for seed in range(9))
        for kind in (CmaEs, RandomSampler)
    }
    assert loss[CmaEs] < loss[RandomSampler] / 3


def test_cmaes_learns_which_choice_is_better() -> None:
    choices = [
        trial.params["kind"]
        for seed in range(5)
        for trial in searched(CmaEs(seed), conditional, 60).trials[40:]
    ]
    assert choices.count("b") > 0.75 * len(choices)


def test_pruned_trials_teach_too() -> None:
    """All but the best tenth are pruned, as in a search: the last ones are better than the first
    all the same."""

    def pruned(trial: optuna.Trial) -> float:
        score = conditional(trial)
        trial.report(score, 1)
        if score < -0.02:
            raise optuna.TrialPruned
        return score

    studies = [searched(CmaEs(seed), pruned, 60).trials for seed in range(5)]
    first, last = (
        [trial.intermediate_values[1] for trials in studies for trial in trials[part]]
        for part in (slice(20), slice(40, 60))
    )
    assert median(last) > median(first) / 3  # both below 0


def test_it_proposes_what_the_library_does_when_asked_and_told_directly() -> None:
    """The oracle keeps one optimizer all the time; the sampler rebuilds it for each trial."""

    def objective(x: float, y: float, z: str) -> float:
        return -((x - 3) ** 2) - (y + 0.5) ** 2 - (z == "p")

    study = optuna.create_study(sampler=CmaEs(7), direction="maximize")
    study.enqueue_trial({"x": 1.0, "y": 0.0, "z": "q"})
    study.optimize(
        lambda t: objective(
            t.suggest_float("x", 0, 4),
            t.suggest_float("y", -1, 1),
            t.suggest_categorical("z", "pq"),
        ),
        TRIALS,
    )

    bounds = np.array([[0.0, 1.0], [0.0, 1.0]])
    oracle = CatCMA(
        np.array([0.25, 0.5]), SIGMA, np.array([2]), bounds=bounds, min_eigenvalue=FINEST**2
    )
    generation: list[Any] = []
    for trial in study.trials[1:]:
        oracle.reseed_rng(zlib.crc32(f"7 {trial.number} ".encode()))
        (x, y), rows = oracle.ask()
        assert trial.params["x"] == pytest.approx(4 * x) and trial.params["y"] == pytest.approx(
            2 * y - 1
        )
        assert trial.params["z"] == "pq"[rows[0].argmax()]
        assert trial.value is not None
        generation.append(((np.array([x, y]), rows), -trial.value))
        if len(generation) == oracle.population_size:
            oracle.tell(generation)
            generation = []


def test_it_starts_around_the_best_enqueued_trial() -> None:
    """And, of the parameters that this one lacks, in the middle."""
    study = optuna.create_study(sampler=CmaEs(0), direction="maximize")
    study.enqueue_trial({"shared": 0.2, "kind": "a", "only_a": 0.9, "also_a": 0.9})
    study.enqueue_trial({"shared": 0.9, "kind": "b", "rate": 1e-4, "width": 50})
    study.optimize(conditional, 2)
    space = study.sampler.infer_relative_search_space(study, study.trials[1])
    optimizer = CmaEs(0)._optimizer(study, Encoding(space))
    start = dict(zip(Encoding(space).numbers, optimizer.mean))
    assert start == pytest.approx(
        {"also_a": 0.5, "only_a": 0.5, "rate": 0.2, "shared": 0.9, "width": 0.495}
    )


# It goes on


@pytest.mark.parametrize("stop", [1, 13, 29])
def test_a_search_that_was_stopped_goes_on_as_one_that_was_not(tmp_path: Path, stop: int) -> None:
    whole = searched(CmaEs(3), conditional, 40)
    searched(CmaEs(3), conditional, stop, **journal(tmp_path / "journal"))
    resumed = searched(CmaEs(3), conditional, 40 - stop, **journal(tmp_path / "journal"))
    assert [trial.params for trial in resumed.trials] == [trial.params for trial in whole.trials]


def test_the_journal_holds_nothing_of_the_optimizers(tmp_path: Path) -> None:
    study = searched(CmaEs(0), conditional, 30, **journal(tmp_path / "journal"))
    assert [trial.system_attrs for trial in study.trials] == [{}] * 30 and study.user_attrs == {}
    assert "cma" not in (tmp_path / "journal").read_text()


def test_trials_of_other_ranges_are_clipped() -> None:
    """As in the journal of an earlier version, whose space was another one."""
    before: dict[str, BaseDistribution] = {
        "x": FloatDistribution(-100, 100),
        "n": IntDistribution(0, 1000),
    }
    watched = Watched(0)
    study = optuna.create_study(sampler=watched, direction="maximize")
    for number in range(40):
        study.add_trial(
            create_trial(
                params={"x": -100.0 + 5 * number, "n": 25 * number},
                distributions=before,
                value=number,
            )
        )
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1) + trial.suggest_int("n", 1, 3), 20)
    assert all(
        0 <= trial.params["x"] <= 1 and 1 <= trial.params["n"] <= 3 for trial in study.trials[40:]
    )
    assert all(map(watched.proposed, study.trials[41:]))


# Scores of every kind


@pytest.mark.parametrize(
    "scores",
    [[0.5], [math.inf, 0.1], [-math.inf, 0.1], [-math.inf], [math.nan, 0.1, 0.2], [1e308, -1e308]],
    ids=["equal", "inf", "-inf", "all -inf", "NaN", "huge"],
)
@pytest.mark.parametrize("regime", ["untuned", "llrd"])
@pytest.mark.filterwarnings("error")
def test_odd_scores_do_no_harm(regime: str, scores: list[float]) -> None:
    """Every proposal lies in its range, else Optuna would not take it, and they do not shrink to
    one point. NaN is a failure to Optuna."""
    watched, values = Watched(0), itertools.cycle(scores)

    def objective(trial: optuna.Trial) -> float:
        spaces.load(regime).space(trial)
        return next(values)

    later = searched(watched, objective, 80).trials[20:]
    assert sum(map(watched.proposed, later)) >= 0.9 * len(later)
    name = "draw" if regime == "untuned" else "dropout"
    assert len({trial.params[name] for trial in later}) > 5


def test_a_trial_far_off_does_not_blow_up_the_steps() -> None:
    """Where a sampler repeats itself, a search enqueues random trials."""
    study = searched(CmaEs(0), conditional, 60)
    near = [abs(trial.params["shared"] - 0.7) for trial in study.trials[40:]]
    for number in range(12):
        study.enqueue_trial({"shared": 0.0, "kind": "b", "rate": 1.0, "width": 90 + number % 10})
    study.optimize(conditional, 40)
    assert median(abs(trial.params["shared"] - 0.7) for trial in study.trials[72:]) < 2 * median(
        near
    )


def trial_of(
    state: TrialState, value: float | None = None, reports: dict[int, float] | None = None
) -> FrozenTrial:
    return create_trial(state=state, value=value, intermediate_values=reports)


@pytest.mark.parametrize(
    ("direction", "best"),
    [(StudyDirection.MAXIMIZE, [2, 0, 3, 1]), (StudyDirection.MINIMIZE, [1, 3, 0, 2])],
)
def test_the_best_is_first_and_what_has_no_score_last(
    direction: StudyDirection, best: list[int]
) -> None:
    """A pruned trial has the score of its last epoch."""
    trials = [
        trial_of(TrialState.COMPLETE, 0.5, {1: 0.9}),
        trial_of(TrialState.COMPLETE, 0.0),
        trial_of(TrialState.PRUNED, reports={1: 0.1, 2: 0.6}),
        trial_of(TrialState.PRUNED, reports={1: 0.4}),
        trial_of(TrialState.PRUNED),
        trial_of(TrialState.PRUNED, reports={1: math.nan}),
    ]
    assert [trials.index(trial) for trial in ranked(trials, direction)] == [*best, 4, 5]


def test_equal_scores_keep_their_order() -> None:
    trials = [trial_of(TrialState.COMPLETE, score) for score in (0.1, 0.5, 0.5, 0.5)]
    assert [id(trial) for trial in ranked(trials, StudyDirection.MAXIMIZE)] == [
        id(trials[at]) for at in (1, 2, 3, 0)
    ]


# Encoding


@pytest.mark.parametrize(
    "space",
    [
        {
            "x": FloatDistribution(1e-5, 1e-1, log=True),
            "y": FloatDistribution(0, 0.9, step=0.05),
            "z": CategoricalDistribution([None, 1, 2]),
        },
        {"n": IntDistribution(1, 10_000)},
        {"n": IntDistribution(1, 64, log=True), "m": IntDistribution(0, 100, step=10)},
        {"a": CategoricalDistribution(["p", "q"]), "b": CategoricalDistribution([True, False])},
    ],
    ids=["mixed", "one number", "integers", "no number"],
)
def test_parameters_come_back_from_their_encoding(space: dict[str, BaseDistribution]) -> None:
    """Also from spaces that are too small for the library."""
    encoding, study = Encoding(space), optuna.create_study(sampler=RandomSampler(0))
    drawn = encoding.optimizer(None).ask()
    for _ in range(50):
        trial = create_trial(
            state=TrialState.RUNNING, params=study.ask(space).params, distributions=space
        )
        point = encoding.point(trial, drawn)
        assert {name: encoding.params(point)[name] for name in space} == pytest.approx(trial.params)
        assert ((point[0] >= 0) & (point[0] <= 1)).all() and (point[1].sum(axis=1) == 1).all()
