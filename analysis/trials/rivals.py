"""The winner's rivals within a search, trial 0 among them, as differences with intervals."""

import pandas

from analysis.evidence import Evidence
from analysis.holm import LEVEL, holm
from analysis.page.forest import COLUMNS
from analysis.read.summary import Summary


def rivals(summary: Summary, evidence: Evidence) -> pandas.DataFrame:
    """A row per candidate and for trial 0, against the winner on validation; empty without runs.

    Candidates are compared on their choice runs. Trial 0 has its run of the search alone, unless it
    was a candidate: it is compared with the winner's report runs. Rivals are `different` after
    Holm's correction for their number.
    """
    winner, choice = summary.winner_trial, summary.choice_run_scores
    if winner is None or str(winner) not in choice:
        return pandas.DataFrame(columns=COLUMNS)
    rows = {
        f"trial {trial}": evidence.between(summary, int(trial), winner)
        for trial in choice
        if trial != str(winner)
    }
    trial_0 = evidence.to_trial_0(summary)
    if trial_0 is not None and "0" not in choice:
        rows["trial 0 (one run)"] = -trial_0
    adjusted = holm([each.p_value for each in rows.values()])
    frame = pandas.DataFrame(
        [
            (name, each.value, each.half_width, each.new_sentences, p_value < LEVEL)
            for (name, each), p_value in zip(rows.items(), adjusted)
        ],
        columns=COLUMNS,
    )
    return frame.sort_values("difference", ascending=False, ignore_index=True)
