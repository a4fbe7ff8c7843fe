"""Tables of one search as text: its best trials, its candidates' runs, how its trials ended."""

import pandas

from analysis.read.folder import CONFIG_PREFIX
from analysis.read.scores import run_scores
from analysis.text import EMPTY_CELL, duration, short_value


def top_trials(trials: pandas.DataFrame, n: int = 10) -> pandas.DataFrame:
    """The best `n` completed trials, then trial 0 if it is not among them.

    Only the hyperparameters in which these trials differ are shown. Among equal trials, the earlier
    is first.
    """
    complete = trials[trials["state"] == "COMPLETE"].sort_values(
        ["best_validation_score", "number"], ascending=[False, True]
    )
    top = complete.head(n)
    trial_0 = complete[(complete["number"] == 0) & ~complete["number"].isin(top["number"])]
    shown = pandas.concat([top, trial_0])
    differing = [
        name
        for name in map(str, shown)
        if name.startswith(CONFIG_PREFIX) and shown[name].nunique(dropna=False) > 1
    ]
    columns = {
        "trial": [f"{number:.0f}" for number in shown["number"]],
        "validation": [f"{100 * score:.2f}" for score in shown["best_validation_score"]],
        "time": [duration(seconds) for seconds in shown["seconds"]],
    }
    columns |= {
        name.removeprefix(CONFIG_PREFIX): [short_value(value) for value in shown[name]]
        for name in differing
    }
    return pandas.DataFrame(columns)


def candidates(trials: pandas.DataFrame, epochs: pandas.DataFrame) -> pandas.DataFrame:
    """The trials of the choice runs, the highest choice mean first; empty if none was.

    Per trial: its score in the search and on each choice seed, and their mean, by which the winner
    was chosen; for the winner also its score on each report seed, and their mean.
    """
    choice = _scores(epochs, "choice")
    if choice.empty:
        return pandas.DataFrame()
    searched = trials.set_index("number")["best_validation_score"].reindex(choice.index)
    table = pandas.concat([searched.rename("in the search"), choice], axis=1)
    table = table.assign(**{"choice mean": table.mean(axis=1, skipna=False)}).sort_values(
        "choice mean", ascending=False, kind="stable"
    )
    report = _scores(epochs, "report")
    if not report.empty:
        table = table.join(report.assign(**{"report mean": report.mean(axis=1)}))
    text = table.map(lambda value: EMPTY_CELL if pandas.isna(value) else f"{100 * value:.2f}")
    return text.rename_axis("trial").reset_index().astype({"trial": int}).astype(str)


def _scores(epochs: pandas.DataFrame, use: str) -> pandas.DataFrame:
    """A row per trial and a column per seed."""
    by_seed = run_scores(epochs, use).unstack()
    return by_seed.rename(columns=lambda seed: f"{use} seed {seed:.0f}")


def endings(trials: pandas.DataFrame) -> pandas.DataFrame:
    """`state`, `trials` and, if there is one, `reason`: how many trials ended in each way, most
    frequent first."""
    counts = (
        trials.assign(reason=trials["reason"].fillna(""))
        .value_counts(["state", "reason"])
        .reset_index(name="trials")
    )
    names = ["state", "trials", *(["reason"] if counts["reason"].any() else [])]
    return counts[names].astype(str)
