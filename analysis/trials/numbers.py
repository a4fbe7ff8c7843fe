"""The numbers behind the figures, apart from their drawing."""

from typing import NamedTuple

import pandas


class Stage(NamedTuple):
    """A stretch of epochs in which one thing is trained."""

    name: str
    first: int
    last: int


def best_so_far(trials: pandas.DataFrame) -> pandas.DataFrame:
    """`number`, `score` and `best` (the highest score up to and with that trial) of the trials that
    came to their full budget."""
    complete = trials[
        (trials["state"] == "COMPLETE") & trials["validation_accuracy"].notna()
    ].sort_values("number")
    score = complete["validation_accuracy"]
    return pandas.DataFrame(
        {"number": complete["number"].astype(int), "score": score, "best": score.cummax()}
    ).reset_index(drop=True)


def learning_curves(trials: pandas.DataFrame, epochs: pandas.DataFrame) -> pandas.DataFrame:
    """`trial`, `state`, `epoch` and `validation_accuracy` of every epoch that the search's trials
    reported, in order.

    Confirmations are left out: they are other runs of some of these trials.
    """
    states = trials.set_index("number")["state"]
    found = epochs[(epochs["kind"] == "search") & epochs["trial"].isin(states.index)].sort_values(
        ["trial", "epoch"]
    )
    return pandas.DataFrame(
        {
            "trial": found["trial"].astype(int),
            "state": found["trial"].map(states),
            "epoch": found["epoch"].astype(int),
            "validation_accuracy": found["validation_accuracy"],
        }
    ).reset_index(drop=True)


def winner_curve(epochs: pandas.DataFrame, trial: int | None) -> pandas.DataFrame:
    """`epoch`, `stage`, and losses and accuracies on training and validation of one trial, as it
    ran in the search."""
    found = epochs[(epochs["kind"] == "search") & (epochs["trial"] == trial)].sort_values("epoch")
    columns = [
        "epoch",
        "stage",
        "train_loss",
        "validation_loss",
        "train_accuracy",
        "validation_accuracy",
        "learning_rate",
    ]
    return found[columns].astype({"epoch": int}).reset_index(drop=True)


def confirmations(epochs: pandas.DataFrame, trial: int | None) -> pandas.DataFrame:
    """`trial` (the seed tells the runs of one configuration apart), `epoch`, `validation_accuracy`:
    one trial on fresh seeds; of a search by an earlier version, on those that also chose the
    winner."""
    kind = "report" if (epochs["kind"] == "report").any() else "confirm"
    found = epochs[(epochs["kind"] == kind) & (epochs["trial"] == trial)].sort_values(
        ["seed", "epoch"]
    )
    return pandas.DataFrame(
        {
            "trial": found["seed"],
            "epoch": found["epoch"],
            "validation_accuracy": found["validation_accuracy"],
        }
    )


def later_stages(trials: pandas.DataFrame, epochs: pandas.DataFrame) -> dict[str, str]:
    """How many epochs the trials at full budget took in each stage after the first, by its name:

    `20`, or `1 to 20` where they differ.
    """
    complete = trials[trials["state"] == "COMPLETE"]["number"]
    own = epochs[(epochs["kind"] == "search") & epochs["trial"].isin(complete)].sort_values(
        "epoch", kind="stable"
    )
    counts = (
        own.groupby(["stage", "trial"], sort=False)
        .size()
        .groupby("stage", sort=False)
        .agg(["min", "max"])
    )
    spans = [
        (str(name), f"{low}" if low == high else f"{low} to {high}")
        for name, low, high in counts.itertuples(name=None)
    ]
    return dict(spans[1:])


def stages(curve: pandas.DataFrame) -> list[Stage]:
    """The stages of one trial's curve, in order."""
    spans = curve.groupby("stage", sort=False)["epoch"].agg(["min", "max"])
    return [
        Stage(str(name), int(first), int(last)) for name, first, last in spans.itertuples(name=None)
    ]
