"""The accuracy that a search's trials are ranked by, and that of its choice and report runs."""

import pandas


def final_stage_accuracy(trials: pandas.DataFrame, epochs: pandas.DataFrame) -> pandas.Series:
    """Best validation accuracy of each trial's final stage, aligned with the rows of `trials`.

    NaN for a trial that ended before the final stage. An earlier stage is evaluated with another
    classifier, so its accuracy is not comparable: a contrastive encoder at 86 % with its ridge
    classifier may end at 83 %. The final stage is that of the highest epoch that any trial
    reported.
    """
    best = trials["best_validation_accuracy"]
    searched = epochs[epochs["kind"] == "search"]
    if searched["stage"].nunique() < 2:
        return best
    final_stage = searched.sort_values("epoch")["stage"].iloc[-1]
    in_final_stage = searched[searched["stage"] == final_stage]
    reached = in_final_stage.groupby("trial")["validation_accuracy"].max()
    return best.where(trials["state"] == "COMPLETE", trials["number"].map(reached))


def run_accuracies(epochs: pandas.DataFrame, kind: str) -> pandas.Series:
    """The best validation accuracy in the final stage of each `choice` or `report` run, by `trial`
    and `seed`."""
    runs = epochs[epochs["kind"] == kind]
    final_stage = runs.groupby(["trial", "seed"])["stage"].transform("last")
    in_final_stage = runs[runs["stage"] == final_stage]
    return in_final_stage.groupby(["trial", "seed"])["validation_accuracy"].max()
