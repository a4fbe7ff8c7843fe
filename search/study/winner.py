"""The winner of a search, and its runs on seeds that did not choose it."""

from typing import Any

import optuna
from optuna.trial import FrozenTrial

from search.study import records
from search.study.records import Record, Scores
from search.study.study import ranking


def choice_accuracy(study: optuna.Study, trial: FrozenTrial) -> float:
    """What the winner is chosen by.

    A trial's mean accuracy over its score in the search and its runs on the seeds of the choice.
    """
    runs = records.CHOICE_RUNS.of(study, trial.number).values()
    scores = [trial.value or 0.0, *(run[-1]["best_validation_accuracy"] for run in runs)]
    return sum(scores) / len(scores)


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


def test_scores(study: optuna.Study) -> dict[int, Scores]:
    """The test scores of the winner's reported runs by seed; empty where there are none."""
    scores = records.TEST_SCORES.of(study, records.WINNER.read(study))
    return {seed: scores[seed] for seed in reported_runs(study) if seed in scores}
