"""Differences without the rows of validation and test that are in train too."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas

from analysis.comparison.pairwise import comparable_split, pairwise_table
from analysis.comparison.rows import best_first
from analysis.evidence import Difference, Evidence, ScoredSplit
from analysis.read.folder import Search
from analysis.read.problems import leaked_rows
from analysis.read.summary import Summary

BEST_FLOOR = "the best floor"


@dataclass(frozen=True)
class Lead:
    """The winner's mean score minus that of another search, of its best floor, or of trial 0."""

    other: str
    split: ScoredSplit
    whole: Difference
    without: Difference
    """Without the leaked rows."""


@dataclass(frozen=True)
class LeadsWithoutLeaks:
    """What searches look like without the rows that are in train."""

    winner: str
    split: ScoredSplit
    """Where searches are compared."""
    leads: tuple[Lead, ...]
    pairs: pandas.DataFrame
    """As `pairwise_table` has them, of the searches for which it is recorded what is right."""
    changed_verdicts: int
    """Pairs that differ significantly with all rows and not without these, or the reverse."""


def without_leaks(searches: Mapping[str, Search], evidence: Evidence) -> LeadsWithoutLeaks | None:
    """The differences of searches by their labels; None where no row of the winner's data is
    leaked, or nothing records which sentences its runs got right."""
    summaries = {label: search.summary for label, search in searches.items()}
    ranked = best_first(list(summaries.values()))
    if not ranked:
        return None
    winner = next(label for label, own in summaries.items() if own is ranked[0])
    problems = searches[winner].problems
    leaks = {split: leaked_rows(problems, split) for split in ("validation", "test")}
    if not any(leaks.values()):
        return None
    fewer = evidence.without(leaks, ranked[0])
    remaining = fewer.summaries
    kept = {label: remaining[own.name] for label, own in summaries.items() if own.name in remaining}
    if winner not in kept:
        return None
    split = comparable_split(list(summaries.values()))
    whole, without = (
        pairwise_table({label: found[label] for label in kept}, split, runs)
        for found, runs in ((summaries, evidence), (kept, fewer))
    )
    others = best_first([summaries[str(label)] for label in without["regime"].unique()])
    labels = {id(own): label for label, own in summaries.items()}
    leads = [
        _over(winner, labels[id(other)], split, (summaries, evidence), (kept, fewer))
        for other in others
        if other is not ranked[0]
    ]
    leads += _over_single_runs(summaries[winner], evidence, kept[winner], fewer)
    changed = int((whole["different"] != without["different"]).sum()) // 2
    return LeadsWithoutLeaks(winner, split, tuple(leads), without, changed)


Known = tuple[Mapping[str, Summary], Evidence]
"""Searches by their labels, and what their runs say."""


def _over(winner: str, other: str, split: ScoredSplit, whole: Known, without: Known) -> Lead:
    """The winner's lead over another search."""
    found = [
        evidence.difference(summaries[winner], summaries[other], split)
        for summaries, evidence in (whole, without)
    ]
    return Lead(other, split, *found)


def _over_single_runs(
    best: Summary, evidence: Evidence, kept: Summary, fewer: Evidence
) -> list[Lead]:
    """The winner's leads over its best floor on each split, and over trial 0."""
    splits: tuple[ScoredSplit, ...] = ("validation", "test")
    found = [
        (BEST_FLOOR, split, evidence.to_floor(best, split), fewer.to_floor(kept, split))
        for split in splits
    ]
    trial_0 = evidence.to_trial_0(best), fewer.to_trial_0(kept)
    return [
        Lead(name, split, whole, without)
        for name, split, whole, without in (*found, ("trial 0", splits[0], *trial_0))
        if whole is not None and without is not None
    ]
