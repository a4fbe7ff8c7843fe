"""What further trials are expected to bring."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import gammaln

FURTHER_TRIALS = 10
"""Further trials that the outlook is about."""
MIN_OUTLOOK_TRIALS = 8
"""Trials of the sampler that the outlook needs."""


class Ended(NamedTuple):
    """A trial that ended, as the outlook sees it."""

    curve: Mapping[int, float]
    """Its score by epoch."""
    final: float | None
    """Its score at the end; 0 if it failed, None if it was pruned."""
    given: bool
    """Whether its configuration is one that the search began with: these are known to be good, and
    say nothing about what the sampler proposes."""


def expected_gain(trials: Sequence[Ended], more: int = FURTHER_TRIALS) -> float | None:
    """By how much `more` further trials are expected to raise the best score.

    None if no trial was completed, or if the sampler proposed fewer than MIN_OUTLOOK_TRIALS. Each
    doubling of these raised their expected best; the next ones are expected to raise it less and
    less, in the ratio of the last two, and to at most 1. What they are then expected to reach may
    still lie below the best of all. This takes trials as draws from one distribution: a sampler
    that still improves brings more.
    """
    scores = projected(trials)
    drawn = [score for trial, score in zip(trials, scores) if not trial.given]
    number = len(drawn)
    if number < MIN_OUTLOOK_TRIALS or not any(trial.final for trial in trials):
        return None
    quarter, half, whole = (best_of(drawn, number // part) for part in (4, 2, 1))
    last, before = whole - half, half - quarter
    # Between 0 and 1 but for rounding: the last doubling of tied scores may bring -1e-16.
    ratio = min(1.0, max(0.0, last / before)) if before > 0 else 1.0
    doublings = np.log2((number + more) / number)
    powers = doublings if ratio == 1 else (1 - ratio**doublings) / (1 - ratio)
    reached = min(1.0, float(whole + last * ratio * powers))
    return max(0.0, reached - max(scores))


def projected(trials: Sequence[Ended]) -> list[float]:
    """The trials' scores, those of pruned ones projected to the end.

    A pruned trial keeps the distance to the best one that it had after its last epoch, as if their
    curves were parallel from there. One that was ahead is taken to end like the best, not above it.
    If no trial was completed, a pruned one has the best score that it reported.
    """
    best = max(trials, key=lambda trial: trial.final or 0.0, default=None)

    def score(trial: Ended) -> float:
        if trial.final is not None:
            return trial.final
        reached = max(trial.curve.values(), default=0.0)
        if best is None or not best.final:
            return reached
        last = max(trial.curve, default=0)
        by_then = [score for epoch, score in best.curve.items() if epoch <= last]
        return best.final - max(0.0, max(by_then, default=best.final) - reached)

    return [score(trial) for trial in trials]


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
