"""What may be said of the search with the highest score: does it win, or lead, or neither?"""

import pandas

from analysis.comparison.floors import no_better, to_floor
from analysis.evidence import Evidence
from analysis.read.summary import Summary


def standing(
    label: str, summary: Summary, rivals: int, pairs: pandas.DataFrame, evidence: Evidence
) -> str:
    """It `wins` where it is confirmed, and neither a difference to one of its `rivals` nor its lead
    over the best floor may be chance; it `was chosen` where one of them is ahead on fresh seeds,
    where the one run of trial 0 is above them by more than chance explains, and where there is
    nothing that it could win against."""
    if summary.floor_wins:
        return "is the best search"
    own = pairs[pairs["regime"] == label]
    if (own["difference"] < 0).any() or no_better(summary, evidence):
        return "was chosen"
    gain, lead = evidence.to_trial_0(summary), to_floor(summary, evidence)[1]
    below_trial_0 = gain is not None and gain.value < 0 and gain.exceeds
    if below_trial_0 or (rivals == 0 and summary.best_floor is None):
        return "was chosen"
    certain = own["different"].astype(bool).all() and (lead is None or lead.exceeds)
    return "wins" if summary.confirmed_scores and len(own) == rivals and certain else "leads"
