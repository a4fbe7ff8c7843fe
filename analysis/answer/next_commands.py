"""How to train and use the winner, and what would settle who it is."""

import math
from collections.abc import Mapping
from pathlib import Path

import pandas

from analysis import shell_lines
from analysis.comparison.floors import no_better, to_floor
from analysis.comparison.pairwise import pair_of
from analysis.comparison.settle import more_seeds, seeds_settle
from analysis.evidence import Evidence
from analysis.page.blocks import Code
from analysis.read.folder import Search

MAX_SUGGESTED_SEEDS = 30
"""A difference that needs more report seeds is too small to matter much: Comparison has the
commands, the first screen has not."""


def next_commands(
    labels: list[str], searches: Mapping[str, Search], evidence: Evidence, pairs: pandas.DataFrame
) -> Code:
    """For the best of these searches; `labels` has the best first."""
    best = searches[labels[0]]
    flag = shell_lines.results_flag(best.folder, best.spec)
    where = flag + shell_lines.cluster_flags(best.spec)
    floor = best.summary.best_floor if best.summary.floor_wins else None
    title = f"Train and use {floor.regime}, the best floor" if floor else "Train and use it"
    lines = [
        shell_lines.export(best.spec, flag),
        shell_lines.train(best.spec, flag, floor=floor is not None),
        shell_lines.predict(Path("model")),
    ]
    if best.summary.best_floor is not None and no_better(best.summary, evidence):
        other = shell_lines.export(best.spec, flag, best.summary.best_floor.regime)
        lines += ["# or export the floor, which is no worse:", other]
    if not best.summary.confirmed_scores:
        trials = best.summary.trials_to_keep
        lines += ["# to confirm it:", shell_lines.confirm(best.spec, flag, trials)]
    if (seeds := _seeds_to_settle(labels, pairs)) and seeds <= MAX_SUGGESTED_SEEDS:
        pair = (searches[label].summary for label in labels[:2])
        lines += [
            "# to settle who is better:",
            *(more_seeds(summary, seeds, where) for summary in pair),
        ]
    _, lead = to_floor(best.summary, evidence)
    if lead is not None and not lead.exceeds and (lead.seeds or math.inf) <= MAX_SUGGESTED_SEEDS:
        assert lead.seeds is not None
        lines += ["# to settle its lead over the best floor:"]
        lines += [more_seeds(best.summary, lead.seeds, where)]
    return Code(f"{title}, with the exact values", tuple(lines))


def _seeds_to_settle(labels: list[str], pairs: pandas.DataFrame) -> int | None:
    """Report seeds each with which winner and runner-up would differ significantly; None where
    they do already, and where no number that can be run would do."""
    pair = pair_of(labels[0], labels[1], pairs) if len(labels) > 1 else None
    if pair is None or pair["different"] or not seeds_settle(pair["seeds_needed"]):
        return None
    return int(pair["seeds_needed"])
