"""The stages of a regime, as spans of its epochs."""

from typing import NamedTuple

import pandas


class Stage(NamedTuple):
    """A span of epochs in which one part of the model is trained."""

    name: str
    first: int
    """Its first epoch."""
    last: int
    """Its last epoch."""


def later_stages(trials: pandas.DataFrame, epochs: pandas.DataFrame) -> dict[str, str]:
    """Epochs of the completed trials in each stage after the first, by the stage's name.

    `20`, or `1 to 20` if trials differ.
    """
    complete = trials[trials["state"] == "COMPLETE"]["number"]
    own = epochs[(epochs["kind"] == "search") & epochs["trial"].isin(complete)].sort_values(
        "epoch", kind="stable"
    )
    per_trial = own.groupby(["stage", "trial"], sort=False).size()
    counts = per_trial.groupby("stage", sort=False).agg(["min", "max"])
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
