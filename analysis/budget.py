"""What a search's budget bought: the best score to expect of so many trials, and what stopping early saved."""

from typing import NamedTuple

import numpy as np
import pandas


def expected_best(trials: pandas.DataFrame) -> pandas.DataFrame:
    """`trials` (n = 1, 2, ... as many as ended), `expected` and `deviation`: mean and standard deviation of the best validation accuracy
    of n trials, drawn with replacement from those that ended.

    With the N scores in rising order, the best of n is the i-th with probability (i / N)^n - ((i - 1) / N)^n: Dodge et al., "Show Your
    Work", 2019, https://arxiv.org/abs/1909.03004. A trial that was stopped early counts with its best epoch, one that failed before its
    first with 0. The formula takes trials as drawn alike; a sampler that learns is better later on, so for few trials this flatters it.
    """
    ended = trials[trials["state"] != "RUNNING"]
    scores = np.sort(ended["validation_accuracy"].fillna(ended["best_accuracy"]).fillna(0.0).to_numpy(dtype=float))
    n = np.arange(1, len(scores) + 1)
    chance = np.diff((np.arange(len(scores) + 1) / max(1, len(scores))) ** n[:, None], axis=1)
    expected = chance @ scores
    deviation = np.sqrt(np.clip(chance @ scores**2 - expected**2, 0.0, None))
    return pandas.DataFrame({"trials": n, "expected": expected, "deviation": deviation})


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
    """What stopping early saved, taking trials at full budget for what the stopped ones would have taken; None where it stopped none, or
    none came to its full budget. Failed trials are left out: nothing chose to end them."""
    stopped, complete = (trials[trials["state"] == state] for state in ("PRUNED", "COMPLETE"))
    if stopped.empty or complete.empty:
        return None
    ended = len(stopped) + len(complete)
    spent = int(stopped["epochs"].sum() + complete["epochs"].sum())
    seconds, whole = float(stopped["seconds"].sum() + complete["seconds"].sum()), ended * float(complete["seconds"].mean())
    return Saved(len(stopped), ended, spent, ended * int(complete["epochs"].max()), 1 - seconds / whole if whole else 0.0)


def missed(trials: pandas.DataFrame, epochs: pandas.DataFrame) -> float | None:
    """How many of the trials that were stopped early would have become the best, as an expected number; None where nothing tells.

    A trial that stood at a when it was stopped is given, in turn, what each trial at full budget gained from that epoch on; the share of
    these that takes it above the best score is its chance. Trials at full budget were let on because they did well, so this is a guess.
    """
    complete = trials[(trials["state"] == "COMPLETE") & trials["validation_accuracy"].notna()].set_index("number")["validation_accuracy"]
    stopped = trials[(trials["state"] == "PRUNED") & trials["best_accuracy"].notna()]
    own = epochs[(epochs["kind"] == "search") & epochs["trial"].isin(complete.index)]
    if complete.empty or stopped.empty or own.empty:
        return None
    so_far = own.pivot_table(index="trial", columns="epoch", values="validation_accuracy").cummax(axis=1)
    chances = []
    for epoch, reached in stopped[["epochs", "best_accuracy"]].itertuples(index=False, name=None):
        if epoch in so_far:
            gains = complete - so_far[epoch]
            chances.append(float((reached + gains.dropna() > complete.max()).mean()))
    return sum(chances) if chances else None


def cost(trials: pandas.DataFrame, confirmations: pandas.DataFrame) -> dict[str, float]:
    """What a search took: `trials`, `epochs` and `hours` that its trials trained, `confirmation_hours`. Hours of one trial's share of the
    machine, so two trials side by side take two of them in one hour."""
    return {
        "trials": len(trials),
        "epochs": float(trials["epochs"].sum()),
        "hours": float(trials["seconds"].sum()) / 3600,
        "confirmation_hours": float(confirmations["seconds"].sum()) / 3600,
    }
