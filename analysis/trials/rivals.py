"""The winner's rivals within a search, trial 0 among them, as differences with intervals."""

from collections.abc import Sequence

import numpy as np
import pandas

from analysis.evidence import Evidence
from analysis.page.forest import COLUMNS
from analysis.read.folder import Search
from analysis.read.scores import run_scores
from analysis.spread import Bits


def rivals(search: Search, evidence: Evidence) -> pandas.DataFrame:
    """A row per candidate and for trial 0, against the winner on validation; empty without runs.

    Candidates are compared on their choice runs, sentence by sentence where it is recorded which
    ones were right. Trial 0 has its run of the search alone, unless it was a candidate: it is
    compared with the winner's report runs.
    """
    summary, winner = search.summary, search.summary.winner_trial
    choice = run_scores(search.epochs, "choice")
    numbers = [int(trial) for trial in choice.index.unique("trial")]
    by_trial = {trial: choice.xs(trial, level="trial") for trial in numbers}
    if winner is None or winner not in by_trial:
        return pandas.DataFrame(columns=COLUMNS)
    rows = []
    for trial, own in by_trial.items():
        if trial != winner:
            bits = [_bits(search, number, by_trial[number].index) for number in (trial, winner)]
            found = evidence.against(summary, "validation", list(own), list(by_trial[winner]), bits)
            rows.append((f"trial {trial}", found))
    trial_0 = summary.trial_0_score
    if trial_0 is not None and winner != 0 and 0 not in by_trial and summary.confirmed_scores:
        found = evidence.against(summary, "validation", [trial_0], summary.confirmed_scores)
        rows.append(("trial 0 (one run)", found))
    frame = pandas.DataFrame(
        [
            (name, found.value, found.half_width, found.new_sentences, found.exceeds)
            for name, found in rows
        ],
        columns=COLUMNS,
    )
    return frame.sort_values("difference", ascending=False, ignore_index=True)


def _bits(search: Search, trial: int, seeds: Sequence[float] | pandas.Index) -> Bits | None:
    """Which sentences a trial's choice runs got right; None where that is not recorded for all."""
    found = [search.run_bits.get(("choice", trial, int(seed), "validation")) for seed in seeds]
    known = [bits for bits in found if bits is not None]
    return np.stack(known) if known and len(known) == len(found) else None
