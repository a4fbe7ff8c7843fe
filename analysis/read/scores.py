"""The scores that a search's trials are ranked by, and those of its choice and report runs.

In the frames of a search, a column whose name ends in `score` is that of its metric.
"""

import math

import pandas

from analysis.metric import Metric, best_validation_field, validation_field


def scored(
    trials: pandas.DataFrame, epochs: pandas.DataFrame, metric: Metric
) -> tuple[pandas.DataFrame, pandas.DataFrame]:
    """trials.csv with `best_validation_score` and `final_stage_score`, and epochs.csv with
    `validation_score` and `train_score`, which is known of the accuracy only."""
    trials = trials.assign(best_validation_score=trials[best_validation_field(metric)])
    best = best_validation_field(metric)
    epochs = epochs.assign(
        validation_score=epochs[validation_field(metric)],
        best_validation_score=pandas.to_numeric(epochs.get(best, math.nan)),
        train_score=epochs["train_accuracy"] if metric == "accuracy" else math.nan,
    )
    return trials.assign(final_stage_score=final_stage_score(trials, epochs)), epochs


def named(frame: pandas.DataFrame, metric: Metric) -> pandas.DataFrame:
    """Numbers of the report under the names of their records: `validation_score` becomes
    `validation_accuracy` where that is the metric, unless it is there already."""
    names = {name: str(name).replace("score", metric) for name in frame}
    columns = [name for name, known in names.items() if name == known or known not in frame]
    return frame[columns].rename(columns=names)


def final_stage_score(trials: pandas.DataFrame, epochs: pandas.DataFrame) -> pandas.Series:
    """Best score on validation of each trial's final stage, aligned with the rows of `trials`.

    NaN for a trial that ended before the final stage. An earlier stage is evaluated with another
    classifier, so its score is not comparable: a contrastive encoder at 86 % with its ridge
    classifier may end at 83 %. The final stage is that of the highest epoch that any trial
    reported.
    """
    best = trials["best_validation_score"]
    searched = epochs[epochs["kind"] == "search"]
    if searched["stage"].nunique() < 2:
        return best
    final_stage = searched.sort_values("epoch")["stage"].iloc[-1]
    in_final_stage = searched[searched["stage"] == final_stage]
    reached = in_final_stage.groupby("trial")["validation_score"].max()
    return best.where(trials["state"] == "COMPLETE", trials["number"].map(reached))


def run_scores(epochs: pandas.DataFrame, kind: str) -> pandas.Series:
    """The score on validation of each `choice` or `report` run, by `trial` and `seed`: that of the
    epoch whose weights are kept, or where it was not recorded the highest of the final stage."""
    runs = epochs[epochs["kind"] == kind]
    by_run = runs.groupby(["trial", "seed"])
    in_final_stage = runs[runs["stage"] == by_run["stage"].transform("last")]
    highest = in_final_stage.groupby(["trial", "seed"])["validation_score"].max()
    if "best_validation_score" not in runs:
        return highest
    # The kept epoch is not the highest by another metric than the search's.
    return by_run["best_validation_score"].last().fillna(highest)
