"""What further trials are expected to bring."""

from collections.abc import Sequence

import numpy as np
from scipy.special import gammaln

MORE = 10
"""Further trials that the outlook is about."""
MIN_OUTLOOK_TRIALS = 8
"""With fewer, the outlook says nothing."""


def expected_gain(scores: Sequence[float], more: int = MORE) -> float | None:
    """By how much `more` further trials are expected to raise the best of `scores`.

    None for fewer than MIN_OUTLOOK_TRIALS. Each doubling of the trials raised the expected best;
    the next ones are expected to raise it less and less, in the ratio of the last two. This takes
    trials as draws from one distribution: a sampler that still improves brings more.
    """
    number = len(scores)
    if number < MIN_OUTLOOK_TRIALS:
        return None
    quarter, half, whole = (best_of(scores, number // part) for part in (4, 2, 1))
    last, before = whole - half, half - quarter
    ratio = min(1.0, last / before) if before > 0 else 1.0
    doublings = np.log2((number + more) / number)
    powers = doublings if ratio == 1 else (1 - ratio**doublings) / (1 - ratio)
    return max(0.0, float(last * ratio * powers))


def best_of(scores: Sequence[float], count: int) -> float:
    """The mean of the best of `count` trials over all ways to choose them.

    With N scores in increasing order, the i-th is the best of `count` in C(i-1, count-1) of
    C(N, count) ways.
    """
    ordered = np.sort(scores)
    number, ranks = len(ordered), np.arange(count, len(ordered) + 1)
    logs = _log_choose(ranks - 1, count - 1) - _log_choose(np.array(number), count)
    return float(np.exp(logs) @ ordered[count - 1 :])


def _log_choose(above: np.ndarray, below: int) -> np.ndarray:
    result: np.ndarray = gammaln(above + 1) - gammaln(below + 1) - gammaln(above - below + 1)
    return result
