"""How far apart two trials may be by chance, before one of them leaves the race for the winner."""

from collections.abc import Mapping

from analysis.spread import PRIORS, Runs, Spread
from search.race import Margin, RunScores

STAY_IN_RACE_PROBABILITY = 0.68
"""Probability that two equal trials stay in the race together: one standard error. A higher one
spends more runs on trials that hardly ever win (LOG.md)."""


def margin(scores: Mapping[int, RunScores], sentences: float) -> Margin:
    """From how all trials in `scores` vary over seeds.

    `sentences`: of the validation split; for macro-F1, its `effective_sentences`.
    """
    spread = Spread.of(
        [Runs(tuple(of_trial), sentences) for of_trial in scores.values()], PRIORS["validation"]
    )

    def of_two(first: RunScores, second: RunScores) -> float:
        means = (spread.of_mean(Runs(tuple(of_trial), sentences)) for of_trial in (first, second))
        return spread.half_width(*means, level=STAY_IN_RACE_PROBABILITY)

    return of_two
