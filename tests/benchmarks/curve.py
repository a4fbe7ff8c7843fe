"""A search as a curve of accuracy over time, and the comparison of two searches."""

import statistics
from collections.abc import Sequence

Curve = list[tuple[float, float]]
"""Seconds since the start of the process and validation accuracy, of every reported epoch."""


def reached(curve: Curve, target: float) -> float | None:
    """Seconds until an epoch reached `target`; None if none did."""
    return min((seconds for seconds, accuracy in curve if accuracy >= target), default=None)


def best(curve: Curve, within: float = float("inf")) -> float | None:
    """The highest accuracy within so many seconds; None if nothing was reported."""
    return max((accuracy for seconds, accuracy in curve if seconds <= within), default=None)


def ratio(theirs: float | None, ours: float | None) -> float | None:
    """Their time divided by ours; None if one of the two did not reach the target."""
    return None if theirs is None or ours is None else theirs / ours


def format_seconds(seconds: float | None, length: float) -> str:
    """The time to a target, or that it was not reached within `length` seconds."""
    return f"not in {length:.0f} s" if seconds is None else f"{seconds:.1f}"


def median_of(ratios: Sequence[float | None]) -> str:
    """The median ratio, its range and the number of pairs: `4.2 (3.1..6.0), n=3 of 3`."""
    values = [value for value in ratios if value is not None]
    count = f"n={len(values)} of {len(ratios)}"
    return (
        f"{statistics.median(values):.2f} ({min(values):.2f}..{max(values):.2f}), {count}"
        if values
        else f"none, {count}"
    )
