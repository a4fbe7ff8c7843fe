"""What a search's budget bought: the best score to expect of so many trials, and what stopping
early saved."""

from typing import NamedTuple

import numpy as np
import pandas

BAND = (0.1, 0.9)
"""The quantiles between which the best of n trials lies in four cases of five."""


def expected_best(trials: pandas.DataFrame) -> pandas.DataFrame:
    """`trials` (n = 1, 2, ... as many as ended), `expected`, `low` and `high`: mean, 10 % and 90 %
    quantiles of the best score of n trials, drawn with replacement from those that ended.

    With the N scores in rising order, the best of n is at most the i-th with probability (i / N)^n:
    Dodge et al., "Show Your Work", 2019, https://arxiv.org/abs/1909.03004. The formula takes trials
    as drawn alike; a sampler that learns is better later on, so for few trials this flatters it.
    """
    scores = np.sort(_counted(trials[trials["state"] != "RUNNING"]))
    number = len(scores)
    n = np.arange(1, number + 1)
    chance = np.diff((np.arange(number + 1) / max(1, number)) ** n[:, None], axis=1)
    low, high = (
        scores[np.ceil(number * share ** (1 / n) - 1e-9).astype(int) - 1] for share in BAND
    )
    return pandas.DataFrame({"trials": n, "expected": chance @ scores, "low": low, "high": high})


def _counted(ended: pandas.DataFrame) -> np.ndarray:
    """What each trial counts with: its score, 0 where it failed without one.

    A trial that was stopped before the last stage, where scores are made, counts with the lowest
    score at full budget. None counts with more than the best at full budget, which is what a search
    finds.
    """
    complete = ended.loc[ended["state"] == "COMPLETE", "score"]
    score = (
        ended["score"]
        .mask(ended["score"].isna() & (ended["state"] == "PRUNED"), complete.min())
        .fillna(0.0)
    )
    return score.clip(upper=complete.max() if len(complete) else None).to_numpy(dtype=float)


class Saved(NamedTuple):
    """What a search would have spent on the trials that it stopped, had it stopped none."""

    stopped: int
    """Trials that were stopped early."""
    ended: int
    """Trials that were stopped early or came to their full budget."""
    spent: int
    """Epochs trained in them."""
    full: int
    """Epochs that they would have taken without stopping."""
    time: float
    """The share of their time that was saved: stages differ in what an epoch takes."""


def saved(trials: pandas.DataFrame) -> Saved | None:
    """What stopping early saved, taking trials at full budget for what the stopped ones would have
    taken; None where it stopped none, or none came to its full budget. Failed trials are left out:
    nothing chose to end them."""
    stopped, complete = (trials[trials["state"] == state] for state in ("PRUNED", "COMPLETE"))
    if stopped.empty or complete.empty:
        return None
    ended = len(stopped) + len(complete)
    spent = int(stopped["epochs"].sum() + complete["epochs"].sum())
    seconds, whole = (
        float(stopped["seconds"].sum() + complete["seconds"].sum()),
        ended * float(complete["seconds"].mean()),
    )
    full = round(ended * complete["epochs"].mean())  # trials differ in how long their last stage is
    return Saved(len(stopped), ended, spent, full, max(0.0, 1 - seconds / whole) if whole else 0.0)


def missed(trials: pandas.DataFrame, epochs: pandas.DataFrame) -> float | None:
    """How many of the trials that were stopped early would have become the best, as an expected
    number; None where nothing tells.

    A trial that stood at a when it was stopped is given, in turn, what each trial at full budget
    gained from that epoch on; the share of these that takes it above the best score is its chance.
    Trials at full budget were let on because they did well, so this is a guess. Where it was
    stopped before the last stage, a is its first stage's accuracy, and the gain leads from there to
    the last stage's.
    """
    complete = trials[
        (trials["state"] == "COMPLETE") & trials["validation_accuracy"].notna()
    ].set_index("number")["validation_accuracy"]
    stopped = trials[(trials["state"] == "PRUNED") & trials["best_validation_accuracy"].notna()]
    own = epochs[(epochs["kind"] == "search") & epochs["trial"].isin(complete.index)]
    if complete.empty or stopped.empty or own.empty:
        return None
    so_far = own.pivot_table(index="trial", columns="epoch", values="validation_accuracy").cummax(
        axis=1
    )
    chances = []
    for epoch, reached in stopped[["epochs", "best_validation_accuracy"]].itertuples(
        index=False, name=None
    ):
        if epoch in so_far:
            gains = complete - so_far[epoch]
            chances.append(float((reached + gains.dropna() > complete.max()).mean()))
    return sum(chances) if chances else None


def cost(trials: pandas.DataFrame, confirmations: pandas.DataFrame) -> dict[str, float]:
    """What a search took:

    `trials`, `epochs` and `seconds` that its trials trained, `confirmation_seconds`. Seconds of one
    trial's share of the machine, so two trials side by side take two of them in one second.
    """
    return {
        "trials": len(trials),
        "epochs": float(trials["epochs"].sum()),
        "seconds": float(trials["seconds"].sum()),
        "confirmation_seconds": _spent(confirmations),
    }


def _spent(epochs: pandas.DataFrame) -> float:
    """Seconds that runs took, by their epochs' rows: from a run's begin to its last epoch's end
    where both are known, else its epochs'."""
    if not {"began", "ended"} <= set(epochs):
        return float(epochs["seconds"].sum())
    runs = epochs.astype({"began": float, "ended": float}).groupby(["trial", "seed"])
    whole = runs["ended"].max() - runs["began"].min()
    return float(whole.fillna(runs["seconds"].sum()).sum())
