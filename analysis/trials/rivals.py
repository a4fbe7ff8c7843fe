"""The winner's rivals within a search, trial 0 among them, as differences with intervals."""

import pandas

from analysis.evidence import Difference, Evidence
from analysis.page.forest import COLUMNS
from analysis.read.summary import Summary


def rivals(summary: Summary, evidence: Evidence) -> pandas.DataFrame:
    """A row per candidate and for trial 0, against the winner on validation; empty without runs.

    Candidates are compared on their choice runs. Trial 0 has its run of the search alone, unless it
    was a candidate: it is compared with the winner's report runs.
    """
    winner, choice = summary.winner_trial, summary.choice_run_scores
    if winner is None or str(winner) not in choice:
        return pandas.DataFrame(columns=COLUMNS)
    rows = [
        _row(f"trial {trial}", evidence.between(summary, int(trial), winner))
        for trial in choice
        if trial != str(winner)
    ]
    trial_0 = evidence.to_trial_0(summary)
    if trial_0 is not None and "0" not in choice:
        rows.append(_row("trial 0 (one run)", -trial_0))
    frame = pandas.DataFrame(rows, columns=COLUMNS)
    return frame.sort_values("difference", ascending=False, ignore_index=True)


def _row(name: str, found: Difference) -> tuple[object, ...]:
    return name, found.value, found.half_width, found.new_sentences, found.exceeds
