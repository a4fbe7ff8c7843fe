"""A Monte Carlo simulation of the rest of a search: slots that work through runs side by side."""

import math
from typing import NamedTuple

import numpy as np

DRAWS = 256
QUANTILES = (0.06, 0.5, 0.95)
"""Quantiles of the draws: the ends and the middle of a range."""
RACE_SIZES = (3, 2)
"""Runs in the first round of a choice, and in each further one."""


class SecondsRange(NamedTuple):
    """Seconds: most likely between `low` and `high`."""

    low: float
    middle: float
    high: float


class Draws:
    """Slots that work through runs, once for each draw. Arrays have the shape (DRAWS,).

    The random numbers are the same each time.
    """

    def __init__(self, slots: int) -> None:
        self.random, self.slots = np.random.default_rng(0), max(1, slots)
        self.free = np.zeros((DRAWS, self.slots))
        """When each slot has done its runs, in seconds from now."""
        self.begun = 0
        """Runs that began before now."""

    def factors(self, spread: float) -> np.ndarray:
        """Log-normal factors with mean 1; `spread`: standard deviation of their logarithm."""
        return np.exp(self.random.normal(-(spread**2) / 2, spread, DRAWS))

    def fractions(self, low: float, high: float) -> np.ndarray:
        """Uniform between these, cut off at 0 and 1."""
        return np.clip(self.random.uniform(low, high, DRAWS), 0.0, 1.0)

    def go_on(self, seconds: np.ndarray) -> None:
        """A run that has begun takes so much longer, in its own slot."""
        if self.begun == self.slots:
            return self.run(seconds)
        self.free[:, self.begun] += seconds
        self.begun += 1

    def run(self, seconds: np.ndarray) -> None:
        """A run takes the slot that is free first."""
        self.free[np.arange(DRAWS), self.free.argmin(axis=1)] += seconds

    def wait(self) -> None:
        """What follows starts after everything so far has ended."""
        self.free[:] = self.free.max(axis=1, keepdims=True)

    def at_most(self, seconds: float) -> None:
        """Everything so far ends after so many seconds at the latest."""
        self.free = np.minimum(self.free, max(0.0, seconds))

    def add(self, seconds: np.ndarray) -> None:
        """Everything is delayed by so many seconds."""
        self.free += seconds[:, None]

    def side_by_side(self, seconds: np.ndarray, runs: int) -> None:
        """So many runs of equal length."""
        self.add(seconds * math.ceil(runs / self.slots))

    def race(self, seconds: np.ndarray, runs: np.ndarray) -> None:
        """Choice runs of equal length, in rounds; `runs`: how many."""
        rounds = [self._rounds(number) for number in range(int(runs.max()) + 1)]
        self.add(seconds * np.array(rounds)[runs.astype(int)])

    def range(self) -> SecondsRange:
        """When everything has ended."""
        return SecondsRange(*map(float, np.quantile(self.free.max(axis=1), QUANTILES)))

    def _rounds(self, runs: int) -> int:
        """How often a race of so many runs waits for a run."""
        waits, (size, later) = 0, RACE_SIZES
        while runs > 0:
            waits += math.ceil(min(size, runs) / self.slots)
            runs -= size
            size = later
        return waits
