"""What may be said of the search with the highest score: does it win, or lead, or neither?"""

import pandas

from analysis.comparison.floors import no_better, to_floor
from analysis.comparison.pairwise import better_than
from analysis.evidence import Evidence
from analysis.read.summary import Summary


def standing(label: str, summary: Summary, pairs: pandas.DataFrame, evidence: Evidence) -> str:
    """It `wins` where neither a difference to another search nor its lead over the best floor may
    be chance; it `was chosen` where fresh seeds show one of them to be better."""
    if summary.floor_wins:
        return "is the best search"
    if better_than(label, pairs) or no_better(summary, evidence):
        return "was chosen"
    own = pairs[pairs["regime"] == label]
    lead = to_floor(summary, evidence)[1]
    certain = own["different"].astype(bool).all() and (lead is None or lead.exceeds)
    return "wins" if certain else "leads"
