"""What a search's budget bought: the expected best score, what pruning saved, and the cost."""

from typing import NamedTuple

import numpy as np
import pandas
from scipy.special import gammaln

BAND_QUANTILES = (0.1, 0.9)
"""The best of n trials lies between these quantiles in four of five cases."""


def expected_best(trials: pandas.DataFrame) -> pandas.DataFrame:
    """The best score to expect of n of the trials, a row for each n up to the number that ended.

    Columns: `trials` (n), and the mean (`expected`), 10 % (`low`) and 90 % (`high`) quantiles of
    the best score among n of the N trials in random order. At n = N it is what was found.

    With the scores in increasing order, the best of n is at most the i-th in C(i, n) of C(N, n)
    choices: Dodge et al., "Show Your Work", 2019, https://arxiv.org/abs/1909.03004, without
    replacement. A sampler that learns improves over time, so for few trials it is optimistic.
    """
    scores = np.sort(counted_scores(trials))
    number = len(scores)
    n = np.arange(1, number + 1)
    ranks = np.arange(1, number + 1)
    at_most = np.where(
        ranks >= n[:, None],
        np.exp(_log_choose(ranks, n[:, None]) - _log_choose(np.array(number), n[:, None])),
        0.0,
    )
    probability = np.diff(at_most, axis=1, prepend=0.0)
    low, high = (
        scores[(at_most >= quantile - 1e-9).argmax(axis=1)] if number else scores
        for quantile in BAND_QUANTILES
    )
    return pandas.DataFrame(
        {"trials": n, "expected": probability @ scores, "low": low, "high": high}
    )


def _log_choose(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """log C(above, below); of no use where above < below."""
    rest = np.maximum(above - below, 0)
    result: np.ndarray = gammaln(above + 1) - gammaln(below + 1) - gammaln(rest + 1)
    return result


def counted_scores(trials: pandas.DataFrame) -> np.ndarray:
    """The score each trial that ended counts with; 0 if it failed, since it cannot win.

    A trial pruned before the final stage counts with the lowest score of a completed trial. No
    trial counts with more than the best completed one, which is what a search returns.
    """
    ended = trials[trials["state"] != "RUNNING"]
    score = ended["final_stage_score"]
    complete = score[ended["state"] == "COMPLETE"]
    unscored = score.isna() & (ended["state"] == "PRUNED")
    counted = score.mask(unscored, complete.min()).mask(ended["state"] == "FAIL", 0.0).fillna(0.0)
    return counted.clip(upper=complete.max() if len(complete) else None).to_numpy(dtype=float)


class PruningSavings(NamedTuple):
    """What pruning saved, compared with running every pruned trial to its full budget."""

    pruned: int
    """Number of pruned trials."""
    ended: int
    """Number of pruned or completed trials."""
    epochs: int
    """Epochs trained in them."""
    epochs_without_pruning: int
    """Epochs that they would have taken without pruning."""
    time_fraction: float
    """Fraction of their time that was saved. Differs from that of epochs, since stages differ in
    the time an epoch takes."""


def pruning_savings(trials: pandas.DataFrame) -> PruningSavings | None:
    """What pruning saved; None if no trial was pruned or none completed.

    A pruned trial is assumed to have needed the mean of the completed ones. Failed trials are left
    out, since no pruner ended them.
    """
    pruned, complete = (trials[trials["state"] == state] for state in ("PRUNED", "COMPLETE"))
    if pruned.empty or complete.empty:
        return None
    ended = len(pruned) + len(complete)
    epochs = int(pruned["epochs"].sum() + complete["epochs"].sum())
    # Completed trials may differ in the length of their final stage, hence the mean.
    epochs_without_pruning = round(ended * complete["epochs"].mean())
    seconds = float(pruned["seconds"].sum() + complete["seconds"].sum())
    seconds_without_pruning = ended * float(complete["seconds"].mean())
    saved = 1 - seconds / seconds_without_pruning if seconds_without_pruning else 0.0
    return PruningSavings(len(pruned), ended, epochs, epochs_without_pruning, max(0.0, saved))


def winners_pruned(trials: pandas.DataFrame, epochs: pandas.DataFrame) -> float | None:
    """Expected number of pruned trials that would have become the best; None without evidence.

    A pruned trial's score is extended by the gain of each completed trial from that epoch on;
    the fraction of these gains that takes it above the best is its probability. Completed trials
    were not pruned because they did well, so this is a rough estimate. For a trial pruned before
    the final stage, the gain leads from the first stage's score to the final stage's.
    """
    complete = trials[trials["state"] == "COMPLETE"].set_index("number")["best_validation_score"]
    pruned = trials[(trials["state"] == "PRUNED") & trials["best_validation_score"].notna()]
    own = epochs[(epochs["kind"] == "search") & epochs["trial"].isin(complete.index)]
    if complete.empty or pruned.empty or own.empty:
        return None
    scores = own.pivot_table(index="trial", columns="epoch", values="validation_score")
    best_until = scores.cummax(axis=1).ffill(axis=1)  # A trial that stopped early stays as it is.
    final = complete.reindex(best_until.index)
    probabilities = []
    for epoch, ended_there in pruned.groupby("epochs")["best_validation_score"]:
        if epoch in best_until:
            gains = (final - best_until[epoch]).dropna().to_numpy()
            reached = ended_there.to_numpy()[:, None] + gains > complete.max()
            probabilities += reached.mean(axis=1).tolist()
    return sum(probabilities) if probabilities else None


def cost(trials: pandas.DataFrame, other_epochs: pandas.DataFrame) -> dict[str, float]:
    """What a search took: `trials`, `epochs`, `seconds` and `other_seconds`.

    `other_epochs` are those of the choice and report runs, and `other_seconds` their time.

    Seconds are summed over runs, so two runs side by side take two seconds per second.
    """
    return {
        "trials": len(trials),
        "epochs": float(trials["epochs"].sum()),
        "seconds": float(trials["seconds"].sum()),
        "other_seconds": _run_seconds(other_epochs),
    }


def _run_seconds(epochs: pandas.DataFrame) -> float:
    """Total time of runs: from start to last epoch where recorded, else the sum of the epochs, also
    where the clock was set back between them."""
    if not {"began", "ended"} <= set(epochs):
        return float(epochs["seconds"].sum())
    runs = epochs.astype({"began": float, "ended": float}).groupby(["trial", "seed"])
    elapsed = runs["ended"].max() - runs["began"].min()
    return float(np.fmax(elapsed, runs["seconds"].sum()).sum())
