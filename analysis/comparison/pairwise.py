"""Is one search's winner better than another's, or is the difference seed noise?

Every pair of searches, corrected for their number, with what would settle it.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import pandas

from analysis.evidence import Evidence, ScoredSplit, reported
from analysis.holm import LEVEL, holm
from analysis.read.summary import Summary

COLUMNS = [
    "regime",
    "other",
    "difference",
    "half_width",
    "half_width_new_sentences",
    "p_value",
    "p_holm",
    "different",
    "p_value_new_sentences",
    "p_holm_new_sentences",
    "different_on_new_sentences",
    "seeds_needed",
    "sentences_needed",
    "n",
    "n_other",
]


def pairwise_table(
    summaries: Mapping[str, Summary], split: ScoredSplit, evidence: Evidence
) -> pandas.DataFrame:
    """A row per ordered pair of searches, by their labels; searches without runs are left out.

    `difference` of their means with its `half_width`s; `p_value`, `p_holm` over all pairs, and
    whether they are `different` by it, on these sentences and on new ones; the `seeds_needed` on
    either side to see a difference of this size, and the `sentences_needed` to see it on new ones;
    `n` and `n_other` runs.
    """
    measured = {label: own for label, own in summaries.items() if reported(own, split)}
    pairs = list(combinations(measured, 2))
    differences = [
        evidence.difference(measured[one], measured[other], split, len(pairs))
        for one, other in pairs
    ]
    adjusted = holm([pair.p_value for pair in differences])
    adjusted_on_new = holm([pair.p_value_new_sentences for pair in differences])
    rows = {}
    for (one, other), pair, p_holm, p_new in zip(pairs, differences, adjusted, adjusted_on_new):
        n, n_other = (len(reported(measured[label], split)) for label in (one, other))
        shared = (
            pair.half_width,
            pair.new_sentences,
            pair.p_value,
            p_holm,
            p_holm < LEVEL,
            pair.p_value_new_sentences,
            p_new,
            p_new < LEVEL,
            pair.seeds,
            pair.sentences,
        )
        rows[one, other] = (one, other, pair.value, *shared, n, n_other)
        rows[other, one] = (other, one, 0.0 - pair.value, *shared, n_other, n)
    order = list(measured)
    ordered = sorted(rows, key=lambda pair: (order.index(pair[0]), order.index(pair[1])))
    return pandas.DataFrame([rows[pair] for pair in ordered], columns=COLUMNS)


def pair_of(label: str, other: str, pairs: pandas.DataFrame) -> Mapping[str, Any] | None:
    """The row of two searches; None where one of them has no report runs."""
    rows = pairs[(pairs["regime"] == label) & (pairs["other"] == other)].to_dict("records")
    return {str(name): value for name, value in rows[0].items()} if rows else None


def better_than(label: str, pairs: pandas.DataFrame) -> list[str]:
    """The searches whose report runs are significantly better than those of `label`."""
    own = pairs[(pairs["regime"] == label) & pairs["different"].astype(bool)]
    return [str(name) for name in own[own["difference"] < 0]["other"]]


def comparable_split(summaries: Sequence[Summary]) -> ScoredSplit:
    """The split on which searches are compared: test if every confirmed search was evaluated on
    it, else validation."""
    confirmed = [summary for summary in summaries if summary.confirmed_scores]
    return "test" if confirmed and all(summary.test for summary in confirmed) else "validation"
