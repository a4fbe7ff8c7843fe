"""What would settle a comparison: how many report seeds, and the command."""

from analysis.evidence import Difference
from analysis.read.summary import Summary

MAX_SEEDS = 1000
"""More report seeds than these cannot be run."""


def more_seeds(summary: Summary, seeds: int) -> str:
    """The command that trains a winner on so many report seeds; those it has are not repeated."""
    return f"python -m search.run --resume {summary.name} --report-seeds {seeds}"


def to_settle(found: Difference, first: Summary, second: Summary) -> str:
    """What would show a difference between two searches, or that none can be shown."""
    if found.seeds is None or found.seeds > MAX_SEEDS:
        return (
            f"To see a difference this small, each would need more than {MAX_SEEDS} report seeds:"
            " they are equal for practical purposes."
        )
    commands = " and ".join(more_seeds(search, found.seeds) for search in (first, second))
    return (
        f"If it is as large as it seems, about {found.seeds} report seeds each would show it:"
        f" {commands}."
    )
