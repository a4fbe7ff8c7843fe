"""What would settle a comparison: how many report seeds, and the command."""

import shlex

from analysis.command import program
from analysis.evidence import Difference, Split
from analysis.read.summary import Summary

MAX_SEEDS = 1000
"""More report seeds than these cannot be run."""


def more_seeds(summary: Summary, seeds: int, results: str = "") -> str:
    """The command that trains a winner on so many report seeds; those it has are not repeated.

    `results`: its `--results` flag, and those of its cluster.
    """
    resume = f"{program('search.run')} --resume {shlex.quote(summary.name)}"
    return f"{resume} --report-seeds {seeds}{results}"


def to_settle(
    difference: Difference, split: Split, first: Summary, second: Summary, results: str = ""
) -> str:
    """What would show a difference between two searches, or that none can be shown."""
    if difference.seeds is None or difference.seeds > MAX_SEEDS:
        return (
            f"To see a difference as small as on {split}, each would need more than"
            f" {MAX_SEEDS} report seeds: they are equal for practical purposes."
        )
    commands = " and ".join(
        more_seeds(search, difference.seeds, results) for search in (first, second)
    )
    return (
        f"If the difference on {split} is as large as it seems, about {difference.seeds} report"
        f" seeds each would show it: {commands}."
    )
