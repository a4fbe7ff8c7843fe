"""One scale for a search's trials: the accuracy of the last stage, which is what trials are ranked
by."""

import pandas


def final_scores(trials: pandas.DataFrame, epochs: pandas.DataFrame) -> pandas.Series:
    """A trial's score, by the rows of `trials`: at full budget its own, else the best epoch of the
    last stage; NaN for a trial that ended before that stage.

    An earlier stage is judged by another classifier, so its accuracy is no score: a contrastive
    encoder at 86 % by its ridge classifier may end at 83 %. The last stage is that of the highest
    epoch that any trial reported.
    """
    own = epochs[epochs["kind"] == "search"]
    if own["stage"].nunique() < 2:
        return trials["validation_accuracy"].fillna(trials["best_validation_accuracy"])
    last = own[own["stage"] == own.sort_values("epoch")["stage"].iloc[-1]]
    return trials["validation_accuracy"].fillna(
        trials["number"].map(last.groupby("trial")["validation_accuracy"].max())
    )
