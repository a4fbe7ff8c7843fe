"""The searches of a command, one after the other: which of them runs, and how long all take.

Before an epoch has ended, its seconds are guessed from how fast the encoder encoded the sentences.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import fmean, geometric_mean

import trainables
from search.planning.draws import SecondsRange
from search.planning.speed import Guess
from search.planning.time_left import END_SECONDS, TimeLeft
from search.spec import SearchSpec

EPOCH_PASSES = 2.5
"""Seconds of an epoch by the seconds of encoding its sentences, start included. The ratio is lower
on few sentences, and higher on many."""
PASSES_DEVIATION = 0.6
"""Standard deviation of that ratio's logarithm over regimes, configurations and machines."""
FROZEN_PASSES = 0.5
"""Likewise where the encoder is not trained."""
LEARNED_DEVIATION = 0.35
"""Standard deviation of the logarithm once another regime of the command has been measured."""


@dataclass
class Queue:
    """Searches of which one runs at a time."""

    specs: Sequence[SearchSpec]
    slots: int
    encode_seconds: Callable[[], float | None]
    """Seconds of one thread to encode all sentences; None where that is not known."""
    part: float = 1.0
    """Of these, training and validation, how many an epoch has where the encoder is trained."""
    number: int = 1
    """Which of them runs, from 1."""
    interim: bool = False
    """Whether the one that runs is continued later, so that its end is not the command's."""
    _ratios: list[float] = field(default_factory=list)
    """What an epoch took in the searches before, as a multiple of the first guess."""
    _ends: list[float] = field(default_factory=list)
    """What the searches before took after their last run, in seconds."""
    _later: dict[int, SecondsRange | None] = field(default_factory=dict)

    @property
    def position(self) -> str:
        """Which of several searches runs, `3 of 8`; empty for a single one."""
        return f"{self.number} of {len(self.specs)}" if len(self.specs) > 1 else ""

    def time_left(self, spec: SearchSpec) -> TimeLeft:
        """The forecast of a search."""
        end = fmean(self._ends) if self._ends else END_SECONDS
        return TimeLeft(spec, self.slots, self._guess(spec), end=end)

    def learn(self, forecast: TimeLeft) -> None:
        """A search has ended: learn how long its epochs took, and go to the next one."""
        guess, seconds = self._first_guess(forecast.spec), forecast.speed.mean
        if guess is not None and seconds is not None:
            self._ratios.append(seconds / guess.epoch)
        self.number += 1

    def learn_end(self, seconds: float) -> None:
        """Learn how long a search took after its last run: tables, report and MLflow."""
        self._ends.append(seconds)

    def until_all_end(self, left: SecondsRange) -> SecondsRange | None:
        """Seconds until all searches end, where this one ends in `left`."""
        later = self._later.get(self.number) or self._sum_of_later()
        self._later[self.number] = later
        return (
            None
            if later is None
            else SecondsRange(*(seconds + more for seconds, more in zip(left, later)))
        )

    def _sum_of_later(self) -> SecondsRange | None:
        """Seconds of the searches that have not begun: their errors have the same causes."""
        forecasts = [self.time_left(spec).of_trials([], 0.0) for spec in self.specs[self.number :]]
        known = [each for each in forecasts if each is not None]
        if len(known) < len(forecasts):
            return None
        return SecondsRange(*(sum(parts) for parts in zip(SecondsRange(0.0, 0.0, 0.0), *known)))

    def _guess(self, spec: SearchSpec) -> Guess | None:
        """An epoch's seconds, corrected by what earlier searches of the command took."""
        guess = self._first_guess(spec)
        if guess is None or not self._ratios:
            return guess
        return Guess(guess.epoch * geometric_mean(self._ratios), LEARNED_DEVIATION)

    def _first_guess(self, spec: SearchSpec) -> Guess | None:
        seconds = self.encode_seconds()
        if seconds is None:
            return None
        frozen = hasattr(trainables.load(spec.regime), "MAX_EPOCHS")
        passes = FROZEN_PASSES if frozen else self.part * EPOCH_PASSES
        return Guess(seconds * passes, PASSES_DEVIATION)
