"""What would settle a comparison: how many report seeds, or sentences, and the command."""

import math
import shlex

from analysis.command import program
from analysis.evidence import Difference, ScoredSplit
from analysis.read.summary import Summary
from analysis.shell_lines import no_more_than

MAX_SEEDS = 1000
"""More report seeds than these cannot be run."""
IN_MOST_CASES = "in 70 to 80 % of cases"
"""Simulated: planned for `POWER`, but the spread over seeds is not known when it is planned."""


def more_seeds(summary: Summary, seeds: int, results: str = "") -> str:
    """The command that trains a winner on so many report seeds; those it has are not repeated, and
    no trial is run that could win instead.

    `results`: its `--results` flag, and those of its cluster.
    """
    resume = f"{program('search.run')} --resume {shlex.quote(summary.name)}"
    return f"{resume}{no_more_than(summary.trials_to_keep)} --report-seeds {seeds}{results}"


def seeds_settle(seeds: float | None) -> bool:
    """Whether so many report seeds can be run."""
    return seeds is not None and seeds <= MAX_SEEDS  # NaN is not


def needs(difference: Difference, split: ScoredSplit) -> str:
    """What would settle a difference, in a few words; empty where it is settled, on new sentences
    too."""
    if difference.exceeds and difference.on_new_sentences:
        return ""
    if not difference.exceeds and seeds_settle(difference.seeds):
        return f"about {difference.seeds} report seeds would settle it"
    if difference.sentences is None:
        return "there is no difference that more runs could confirm"
    return (
        f"it takes {at_least_text(difference.sentences)} {split} sentences; more seeds do not help"
    )


def at_least_text(number: float | None) -> str:
    """At least how many sentences, to two digits: a bound needs no more. None or NaN where no
    number is known."""
    if number is None or math.isnan(number):
        return "no number"
    digits = max(0, len(str(int(number))) - 2)
    return f"at least {math.ceil(number / 10**digits) * 10**digits:,}"


def to_settle(
    difference: Difference, split: ScoredSplit, first: Summary, second: Summary, results: str = ""
) -> str:
    """What would show a difference between two searches, or that more seeds cannot."""
    if not seeds_settle(difference.seeds):
        more = ""
        if difference.sentences is not None:
            more = f" Only more sentences may show it: {at_least_text(difference.sentences)}."
        return (
            f"Up to {MAX_SEEDS} report seeds each would not show a difference as small as this one"
            f" on {split}: {bound(difference.value, difference.half_width)} on these"
            f" sentences.{more}"
        )
    assert difference.seeds is not None
    commands = " and ".join(
        more_seeds(search, difference.seeds, results) for search in (first, second)
    )
    return (
        f"If the difference on {split} is as large as it seems, about {difference.seeds} report"
        f" seeds each show it {IN_MOST_CASES}: {commands}."
    )


def bound(value: float, half_width: float) -> str:
    """How large a difference can be, by its interval."""
    return f"it is at most {100 * (abs(value) + half_width):.1f} points"
