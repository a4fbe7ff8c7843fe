"""How early can a trial be judged?

`python -m analysis.rungs RESULTS/NAME`, for a search that stopped nothing.

For each epoch: Spearman's rank correlation of the accuracy then with the score in the end, over all
trials and over the better half of them, and what stopping two thirds of the trials at that epoch
would have lost: the best score of all less the best of those kept.
"""

import math
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas

from analysis.command import Parser
from analysis.read.folder import search
from analysis.text import plain


def rungs(
    trials: pandas.DataFrame, epochs: pandas.DataFrame, keep: float = 1 / 3
) -> pandas.DataFrame:
    """One row an epoch that all trials at full budget reported:

    `epoch`, `correlation`, `correlation_better_half`, `lost` (accuracy), `n` trials. `trials` and
    `epochs` are as in trials.csv and epochs.csv; only trials at full budget count. Raises
    ValueError where fewer than three are.
    """
    score = trials[trials["state"] == "COMPLETE"].set_index("number")["validation_accuracy"]
    if len(score) < 3:
        raise ValueError(
            f"three trials at full budget are needed to rank them; here are {len(score)}"
        )
    own = epochs[(epochs["kind"] == "search") & epochs["trial"].isin(score.index)]
    curves = own.pivot(index="trial", columns="epoch", values="validation_accuracy").reindex(
        score.index
    )
    curves = curves.dropna(
        axis="columns"
    )  # where one has ended, the others can't be ranked with it
    better = score[score.rank(ascending=False, method="first") <= math.ceil(len(score) / 2)].index
    rows = []
    for epoch in curves.columns:
        then = curves[epoch]
        kept = then.nlargest(max(1, int(len(then) * keep))).index
        rows.append(
            {
                "epoch": epoch,
                "correlation": _spearman(then, score),
                "correlation_better_half": _spearman(then[better], score[better]),
                "lost": score.max() - score[kept].max(),
                "n": len(score),
            }
        )
    return pandas.DataFrame(rows)


def _spearman(then: pandas.Series, score: pandas.Series) -> float:
    """NaN where all of either are equal: there is no order to compare."""
    known = then.notna()
    if min(then.nunique(), score[known].nunique()) < 2:
        return math.nan
    return float(then.corr(score, method="spearman"))


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    parser = Parser(prog="python -m analysis.rungs", description=__doc__)
    parser.add_argument(
        "folder", type=Path, metavar="RESULTS/NAME", help="of a search with --scheduler none"
    )
    args = parser.parse_args(argv)
    try:
        found = search(args.folder)
        table = rungs(found.trials, found.epochs)
    except (ValueError, OSError) as error:
        print(f"error: {plain(str(error))}", file=sys.stderr)
        return 2
    print(table.to_string(index=False, float_format=lambda value: f"{value:.3f}"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
