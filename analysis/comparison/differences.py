"""Every search and its best floor against the winner, as differences with intervals."""

from collections.abc import Mapping

import pandas

from analysis.comparison.pairwise import comparable_split, pairwise_table
from analysis.evidence import Evidence, ScoredSplit, reported
from analysis.page.forest import COLUMNS
from analysis.read.summary import Summary


def differences(
    summaries: Mapping[str, Summary], best: str, evidence: Evidence
) -> tuple[ScoredSplit, pandas.DataFrame]:
    """The split, and a row per other search and for the best floor, the nearest first.

    Searches without report runs are left out; the frame is empty if the winner has none. Searches
    are `different` after Holm's correction for the number of pairs, the floor where its interval on
    new sentences excludes 0 too.
    """
    split = comparable_split(list(summaries.values()))
    winner = summaries[best]
    if not reported(winner, split):
        return split, pandas.DataFrame(columns=COLUMNS)
    pairs = pairwise_table(summaries, split, evidence)
    rows = [
        (
            pair["regime"],
            pair["difference"],
            pair["half_width"],
            pair["half_width_new_sentences"],
            pair["different"],
        )
        for pair in pairs[pairs["other"] == best].to_dict("records")
    ]
    frame = pandas.DataFrame([*rows, *_floor(winner, split, evidence)], columns=COLUMNS)
    return split, frame.sort_values("difference", ascending=False, ignore_index=True)


def _floor(winner: Summary, split: ScoredSplit, evidence: Evidence) -> list[tuple[object, ...]]:
    """The best floor, which is the same on every seed."""
    floor, difference = winner.best_floor, evidence.to_floor(winner, split)
    if floor is None or difference is None:
        return []
    certain = difference.exceeds and difference.on_new_sentences
    lead = (-difference.value, difference.half_width, difference.new_sentences, certain)
    return [(f"{floor.regime} (floor)", *lead)]
