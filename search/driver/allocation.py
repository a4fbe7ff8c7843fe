"""Which regimes get the next trials of one budget (`--regime auto`): successive halving.

Every regime first runs the points where its space begins. Then the better half goes on, with an
equal part of the remaining trials in each round, until one regime is left
(https://proceedings.mlr.press/v28/karnin13.html).
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

ScoresByRegime = Mapping[str, Sequence[float]]
"""The score of each trial of a regime in the order of their numbers; 0 for one without a score."""


@dataclass(frozen=True)
class Allocation:
    """What is known after the trials so far."""

    trials: Mapping[str, int]
    """How many trials each remaining regime is to have in all, before the next decision."""
    dropped: Mapping[str, str]
    """Why a regime gets no further trials, in the order of the decisions."""


def allocate(
    scores: ScoresByRegime, points: Mapping[str, int], budget: int, ended: Collection[str] = ()
) -> Allocation:
    """Divide `budget` trials over the regimes of `points`, the number of points of each.

    Depends on the scores alone, so that an interrupted search goes on as it would have. The regimes
    in `ended` cannot run further trials. Raises ValueError for fewer trials than regimes.
    """
    if budget < len(points):
        raise ValueError(
            f"--trials must be at least {len(points)} with --regime auto, one for each regime; got"
            f" {budget}"
        )
    targets = {regime: min(count, budget // len(points)) for regime, count in points.items()}
    left, dropped = budget - sum(targets.values()), dict[str, str]()
    while len(targets) > 1 and all(
        len(scores[regime]) >= target or regime in ended for regime, target in targets.items()
    ):
        rounds = math.ceil(math.log2(len(targets)))
        best = {
            regime: max(scores[regime][:count], default=0.0) for regime, count in targets.items()
        }
        ranked = sorted(targets, key=lambda regime: -best[regime])
        survivors = ranked[: math.ceil(len(ranked) / 2)]
        for regime in ranked[len(survivors) :]:
            dropped[regime] = (
                f"dropped after {targets[regime]} trials: best {100 * best[regime]:.1f} %, the best"
                f" of {ranked[0]} is {100 * best[ranked[0]]:.1f} %"
            )
        each, odd = divmod(left if rounds == 1 else left // rounds, len(survivors))
        more = {regime: each + (place < odd) for place, regime in enumerate(survivors)}
        left -= sum(more.values())
        targets = {regime: targets[regime] + more[regime] for regime in survivors}
    return Allocation(targets, dropped)
