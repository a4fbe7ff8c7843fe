"""Rank correlations of the scores at each epoch with the final ones."""

import math

import numpy as np
import pandas

MIN_RANKED_TRIALS = 3
"""Completed trials that a rank correlation needs."""
COLUMNS = ["epoch", "correlation", "correlation_better_half", "lost", "n"]


def rung_correlations(
    trials: pandas.DataFrame, epochs: pandas.DataFrame, keep: float = 1 / 3
) -> pandas.DataFrame:
    """A row per epoch that all completed trials reported.

    Columns: `epoch`; Spearman's `correlation` of the score then with the final one, over all
    completed trials (`n`) and over their better half (`correlation_better_half`); and `lost`, the
    best score of all trials minus the best of the fraction `keep` that leads at that epoch.

    Raises ValueError for fewer than three completed trials.
    """
    complete = trials[trials["state"] == "COMPLETE"]
    final = complete.set_index("number")["best_validation_score"]
    if len(final) < MIN_RANKED_TRIALS:
        raise ValueError(
            f"ranking needs at least {MIN_RANKED_TRIALS} completed trials; this search has"
            f" {len(final)}"
        )
    own = epochs[(epochs["kind"] == "search") & epochs["trial"].isin(final.index)]
    curves = own.pivot(index="trial", columns="epoch", values="validation_score").reindex(
        final.index
    )
    # After the shortest trial has ended, the others can't be ranked against it.
    curves = curves.dropna(axis="columns")
    last = final.to_numpy()
    better = np.argsort(-last, kind="stable")[: math.ceil(len(last) / 2)]
    order = np.argsort(-curves.to_numpy(), axis=0, kind="stable")  # (trials, epochs)
    leading = order[: max(1, int(len(last) * keep))]
    return pandas.DataFrame(
        {
            "epoch": curves.columns,
            "correlation": _spearman(curves, final),
            "correlation_better_half": _spearman(curves.iloc[better], final.iloc[better]),
            "lost": last.max() - last[leading].max(axis=0),
            "n": len(last),
        }
    )


def _spearman(early: pandas.DataFrame, final: pandas.Series) -> np.ndarray:
    """For each epoch; NaN if either side is constant, which leaves no order to compare."""
    ranks, other = early.rank().to_numpy(), final.rank().to_numpy()[:, None]
    ranks, other = ranks - ranks.mean(axis=0), other - other.mean()
    scale = np.sqrt((ranks**2).sum(axis=0) * (other**2).sum(axis=0))
    nothing = np.full(len(scale), math.nan)
    result: np.ndarray = np.divide((other * ranks).sum(axis=0), scale, out=nothing, where=scale > 0)
    return result
