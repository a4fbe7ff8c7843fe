"""Which seeds serve the search, the choice among candidates, and the report: three disjoint sets.

A score that took part in a choice is biased upwards, because the choice favours lucky runs. So the
reported scores come from seeds that chose nothing.
"""

MAX_CHOICE_SEEDS = 999
"""At most this many seeds choose the winner. It is also the distance from the search's seed to the
first reported seed, less one."""
MAX_REPORT_SEEDS = 1000
AUTO_REPORT_SEEDS = (4, 6, 8)
"""How many seeds report with `auto`, one count after the other until the interval is narrow."""


def choice_seeds(seed: int, count: int) -> range:
    """Seeds on which the best configurations of a search with this seed run again."""
    if not 1 <= count <= MAX_CHOICE_SEEDS:
        raise ValueError(f"the choice must have from 1 to {MAX_CHOICE_SEEDS} seeds; got {count}")
    return range(seed + 1, seed + 1 + count)


def report_counts(count: int | None) -> tuple[int, ...]:
    """On how many seeds the winner reports, ascending; after each count the interval decides."""
    return AUTO_REPORT_SEEDS if count is None else (count,)


def report_seeds(seed: int, count: int) -> range:
    """Seeds on which the winner is trained for the report, by the search and by `search.train`.

    Both use the same seeds in the same order.
    """
    if not 1 <= count <= MAX_REPORT_SEEDS:
        raise ValueError(f"the report must have from 1 to {MAX_REPORT_SEEDS} seeds; got {count}")
    first = seed + MAX_CHOICE_SEEDS + 1
    return range(first, first + count)
