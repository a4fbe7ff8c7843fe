"""What seeds are for: searching, choosing among the best, and reporting. The three never meet.

A score that took part in a choice is too high on average: the choice prefers what was lucky. So
what is reported comes from seeds that chose nothing.
"""

MOST = 999
"""Seeds for the choice, and so the distance from the search's seed to the first that is
reported."""
MOST_REPORTED = 1000


def choice_seeds(seed: int, count: int) -> range:
    """The seeds on which the best of a search with this seed run again, to choose the winner."""
    if not 1 <= count <= MOST:
        raise ValueError(f"seeds for the choice are 1 to {MOST}; got {count}")
    return range(seed + 1, seed + 1 + count)


def report_seeds(seed: int, count: int) -> range:
    """The seeds on which the winner is trained for what is reported, in the search and by
    `search.train`: the same, in one order."""
    if not 1 <= count <= MOST_REPORTED:
        raise ValueError(f"seeds for the report are 1 to {MOST_REPORTED}; got {count}")
    first = seed + MOST + 1
    return range(first, first + count)
