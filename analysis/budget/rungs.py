"""How early can a trial be judged? Rank correlations of early scores with the final ones."""

import math

import pandas

MIN_TRIALS = 3
"""Completed trials that a rank correlation needs."""
COLUMNS = ["epoch", "correlation", "correlation_better_half", "lost", "n"]


def rungs(
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
    if len(final) < MIN_TRIALS:
        raise ValueError(
            f"ranking needs at least {MIN_TRIALS} completed trials; this search has {len(final)}"
        )
    own = epochs[(epochs["kind"] == "search") & epochs["trial"].isin(final.index)]
    curves = own.pivot(index="trial", columns="epoch", values="validation_score").reindex(
        final.index
    )
    # After the shortest trial has ended, the others can't be ranked against it.
    curves = curves.dropna(axis="columns")
    better = final[final.rank(ascending=False, method="first") <= math.ceil(len(final) / 2)].index
    rows = []
    for epoch in curves.columns:
        score = curves[epoch]
        kept = score.nlargest(max(1, int(len(score) * keep))).index
        rows.append(
            {
                "epoch": epoch,
                "correlation": _spearman(score, final),
                "correlation_better_half": _spearman(score[better], final[better]),
                "lost": final.max() - final[kept].max(),
                "n": len(final),
            }
        )
    return pandas.DataFrame(rows, columns=COLUMNS)


def _spearman(early: pandas.Series, final: pandas.Series) -> float:
    """NaN if either is constant, which leaves no order to compare."""
    known = early.notna()
    if min(early.nunique(), final[known].nunique()) < 2:
        return math.nan
    return float(early.corr(final, method="spearman"))
