"""What weakens the answer: floors, few sentences, failed runs, leaked rows, narrow ranges."""

import math
from collections.abc import Mapping

from analysis.comparison.floors import no_better, to_floor, verdicts
from analysis.comparison.leaks import BEST_FLOOR, without_leaks
from analysis.data.section import warnings as data_warnings
from analysis.evidence import Evidence, ScoredSplit
from analysis.hyperparameters.section import warnings as range_warnings
from analysis.read.folder import Search
from analysis.read.summary import Summary
from analysis.text import counted

WIDE_HALF_WIDTH = 0.03
"""Half width on new sentences that is too wide to rely on."""


def warnings(labels: list[str], searches: Mapping[str, Search], evidence: Evidence) -> list[str]:
    """A sentence each, of the best of these searches; `labels` has the best first."""
    best, summaries = searches[labels[0]], [search.summary for search in searches.values()]
    found = list(verdicts(summaries))
    if worse := no_better(best.summary, evidence):
        found.append(f"On fresh seeds the winner is {worse}.")
    found += _few_sentences(best.summary, evidence)
    if not best.finished:
        found.append("This search has not finished: the winner may change.")
    if best.summary.selected_on_reported_runs:
        found.append(
            "The reported runs were also used to choose the winner: its score is optimistic."
        )
    if best.summary.confirmed_failed:
        runs = counted(best.summary.confirmed_failed, "report run")
        found.append(f"{runs} failed and are left out: the score is slightly too high.")
    return [
        *found,
        *data_warnings(best),
        *_leads(labels, searches, evidence),
        *range_warnings(best),
    ]


def _leads(labels: list[str], searches: Mapping[str, Search], evidence: Evidence) -> list[str]:
    """The winner's leads over the runner-up and the best floor without the leaked rows, where these
    change what is shown of them."""
    known = without_leaks(searches, evidence)
    if known is None:
        return []
    floor_split, _ = to_floor(searches[labels[0]].summary, evidence)
    shown = [(name, known.split) for name in labels[1:2]] + [(BEST_FLOOR, floor_split)]
    leads = ", ".join(
        f"{lead.without} points on {lead.split} over {lead.other} (with them: {lead.whole})"
        for lead in known.leads
        if (lead.other, lead.split) in shown and str(lead.whole) != str(lead.without)
    )
    if not leads:
        return []
    changed = known.changed_verdicts
    verdict = f"; {counted(changed, 'verdict')} of pairs change" if changed else ""
    return [f"Without the rows that are in train, {known.winner} has {leads}{verdict}."]


def _few_sentences(best: Summary, evidence: Evidence) -> list[str]:
    """Whether more sentences are what the score needs, and about how many."""
    split: ScoredSplit = "test" if best.test else "validation"
    mean, size = evidence.mean(best, split), best.test_size if best.test else best.validation_size
    if not size or mean.new_sentences is None:
        return []
    sampled = mean.new_sentences**2 - (mean.half_width or 0.0) ** 2
    if sampled <= WIDE_HALF_WIDTH**2:
        return []
    needed = math.ceil(size * sampled / WIDE_HALF_WIDTH**2 / 100) * 100
    return [
        f"Only {size} {split} sentences: on new ones the score is uncertain by"
        f" ± {100 * mean.new_sentences:.1f} points. About {needed:,} would bring the sampling error"
        f" down to ± {100 * WIDE_HALF_WIDTH:.0f} points; more seeds would not."
    ]
