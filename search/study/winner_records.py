"""The chosen winner of a search and its runs on other seeds, as the study records them.

`search/race.py` has the rule by which it is chosen.
"""

from collections.abc import Iterable
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from analysis.metric import Metric, best_validation_field
from search.study import records
from search.study.records import Record, TestScores
from search.study.study import ranking


def trial_score(trial: FrozenTrial | None, metric: Metric) -> float | None:
    """A trial's score in the search; None without a trial, or where it was not recorded."""
    epochs = [] if trial is None else records.epochs(trial)
    score: float | None = epochs[-1].get(best_validation_field(metric)) if epochs else None
    return score


def choice_score(study: optuna.Study, trial: FrozenTrial | None, metric: Metric) -> float | None:
    """A trial's mean score over its run in the search and those on the seeds of the choice.

    It chooses the winner, by the search's metric. None without a trial, or where one of the scores
    was not recorded.
    """
    searched = trial_score(trial, metric)
    if trial is None or searched is None:
        return None
    runs = records.CHOICE_RUNS.of(study, trial.number).values()
    scores = [searched, *run_scores(runs, metric)]
    return sum(scores) / len(scores) if len(scores) == 1 + len(runs) else None


def run_scores(runs: Iterable[list[Record]], metric: Metric) -> tuple[float, ...]:
    """The runs' scores; empty where one was recorded without this metric, by an earlier version."""
    scores: list[float | None] = [epochs[-1].get(best_validation_field(metric)) for epochs in runs]
    known = tuple(score for score in scores if score is not None)
    return known if len(known) == len(scores) else ()


def best_configuration(study: optuna.Study) -> dict[str, Any]:
    """The winner's configuration, or the best trial's where no winner was chosen."""
    winner = records.WINNER.read(study)
    number = ranking(study)[0].number if winner is None else winner
    return records.CONFIG.read(study.get_trials(deepcopy=False)[number])


def reported_runs_chose(study: optuna.Study) -> bool:
    """Whether the reported runs also chose the winner, as in journals of early versions."""
    return not records.REPORT_RUNS.recorded(study)


def reported_runs(study: optuna.Study) -> dict[int, list[Record]]:
    """The epochs of the winner's reported runs by seed, in the order of seeds."""
    key = records.CHOICE_RUNS if reported_runs_chose(study) else records.REPORT_RUNS
    return dict(sorted(key.of(study, records.WINNER.read(study)).items()))


def test_scores(study: optuna.Study) -> dict[int, TestScores]:
    """The test scores of the winner's reported runs by seed; empty where there are none."""
    scores = records.TEST_SCORES.of(study, records.WINNER.read(study))
    return {seed: scores[seed] for seed in reported_runs(study) if seed in scores}
