"""Tables of one search: its best trials with what sets them apart, and how trials ended."""

import pandas

from analysis.text import duration

CONFIG = "config."
"""What the columns of hyperparameters begin with."""


def top_trials(trials: pandas.DataFrame, n: int = 10) -> pandas.DataFrame:
    """The best `n` trials at full budget, and trial 0 below them where it is not among them, as
    text.

    Of the hyperparameters only those in which these trials differ. Earlier trials stand first among
    equals.
    """
    complete = trials[trials["state"] == "COMPLETE"].sort_values(
        ["validation_accuracy", "number"], ascending=[False, True]
    )
    top = complete.head(n)
    shown = pandas.concat(
        [top, complete[(complete["number"] == 0) & ~complete["number"].isin(top["number"])]]
    )
    fields = [
        name
        for name in map(str, shown)
        if name.startswith(CONFIG) and shown[name].nunique(dropna=False) > 1
    ]
    table = {
        "trial": [f"{number:.0f}" for number in shown["number"]],
        "validation": [f"{100 * score:.2f}" for score in shown["validation_accuracy"]],
        "time": [duration(seconds) for seconds in shown["seconds"]],
    }
    return pandas.DataFrame(
        table
        | {name.removeprefix(CONFIG): [short(cell) for cell in shown[name]] for name in fields}
    )


def confirmed(trials: pandas.DataFrame, epochs: pandas.DataFrame) -> pandas.DataFrame:
    """Each trial that ran again, the highest mean first, as text: its score in the search and on
    the seeds of the choice, with the mean, which chose the winner; then the winner's score on the
    seeds of the report and their mean. Empty where none ran again.
    """
    choice = _scores(epochs[epochs["kind"] == "confirm"], "choice")
    if choice.empty:
        return pandas.DataFrame()
    own = trials.set_index("number")["validation_accuracy"].reindex(choice.index)
    table = pandas.concat([own.rename("in the search"), choice], axis=1)
    table = table.assign(**{"mean, chose": table.mean(axis=1, skipna=False)}).sort_values(
        "mean, chose", ascending=False, kind="stable"
    )
    report = _scores(epochs[epochs["kind"] == "report"], "report")
    if not report.empty:
        table = table.join(report.assign(**{"mean, reported": report.mean(axis=1)}))
    shown = table.map(lambda score: "\N{EN DASH}" if pandas.isna(score) else f"{100 * score:.2f}")
    return shown.rename_axis("trial").reset_index().astype({"trial": int}).astype(str)


def _scores(epochs: pandas.DataFrame, what: str) -> pandas.DataFrame:
    """A row a trial and a column a seed: the best epoch of each run's last stage."""
    last = epochs[epochs["stage"] == epochs.groupby(["trial", "seed"])["stage"].transform("last")]
    return (
        last.groupby(["trial", "seed"])["validation_accuracy"]
        .max()
        .unstack()
        .rename(columns=lambda seed: f"{what}, seed {seed:.0f}")
    )


def endings(trials: pandas.DataFrame) -> pandas.DataFrame:
    """`state`, `trials` and `reason`: how many trials ended in each way, the most frequent
    first."""
    counts = (
        trials.assign(reason=trials["reason"].fillna(""))
        .value_counts(["state", "reason"])
        .reset_index(name="trials")
    )
    return counts[["state", "trials", "reason"]].astype(str)


def short(cell: object) -> str:
    """A hyperparameter as it was written, floats to three digits, none where it is empty."""
    if cell == "" or pandas.isna(cell):  # type: ignore[call-overload]
        return "none"
    try:
        return str(cell) if str(cell).lstrip("-").isdigit() else f"{float(str(cell)):.3g}"
    except ValueError:
        return str(cell)
