"""A search as a curve: what it had found after how many seconds; and how two of them compare."""

import statistics
from collections.abc import Sequence

Curve = list[tuple[float, float]]
"""(seconds since the process's start, validation accuracy) of every epoch that any trial
reported."""


def reached(curve: Curve, target: float) -> float | None:
    """Seconds until an epoch's accuracy was `target` or more; None where none was."""
    return min((seconds for seconds, accuracy in curve if accuracy >= target), default=None)


def best(curve: Curve, within: float = float("inf")) -> float | None:
    """The highest accuracy in so many seconds; None where nothing was reported."""
    return max((accuracy for seconds, accuracy in curve if seconds <= within), default=None)


def ratio(theirs: float | None, ours: float | None) -> float | None:
    """How many times sooner we were; None where one of the two did not get there."""
    return None if theirs is None or ours is None else theirs / ours


def told(seconds: float | None, length: float) -> str:
    """A time to a target, or in how many seconds it was not reached."""
    return f"not in {length:.0f} s" if seconds is None else f"{seconds:.1f}"


def median_of(ratios: Sequence[float | None]) -> str:
    """The median ratio and the range, and of how many pairs: `4.2 (3.1..6.0), n=3 of 3`."""
    known = [value for value in ratios if value is not None]
    count = f"n={len(known)} of {len(ratios)}"
    return (
        f"{statistics.median(known):.2f} ({min(known):.2f}..{max(known):.2f}), {count}"
        if known
        else f"none, {count}"
    )
