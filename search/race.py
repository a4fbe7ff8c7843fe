"""Which of the best trials run on a further seed before the winner is chosen: a race.

Trials that are behind by more than chance explains leave it. The others run on one seed more, until
one is left, the rest are equal for practical purposes, or the runs are spent.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

RunScores = Sequence[float]
"""A trial's accuracies as fractions: in the search, then on the seeds of the choice."""
Margin = Callable[[RunScores, RunScores], float]
"""How far apart the means of two trials may be by chance."""

CHOICE_EPOCHS_FRACTION = 0.25
"""Of the epochs that the trials were trained, at most so many more choose the winner."""
MAX_CANDIDATES = 8
"""Trials that enter a race. Those beyond chance of the best leave it before any runs."""
MIN_CHOICE_RUNS, MAX_CHOICE_RUNS = 2, 30
"""Enough for one more score of two trials each; and what more runs would hardly change."""
NEGLIGIBLE_DIFFERENCE = 0.002
"""Trials whose accuracies differ by less are equal for practical purposes."""
CHEAPER_COST_FRACTION = 0.75
"""Of equal trials one wins by its cost if it costs less than so much of the leader's. Costs are
measured, beside other work."""


@dataclass(frozen=True)
class Race:
    """Where the race stands after the runs so far."""

    winner: int
    """The first of `alike`, or another of them that is clearly cheaper."""
    alike: tuple[int, ...]
    """The leader, and those that are equal to it for practical purposes."""
    next: tuple[int, ...]
    """The trials that run on one further seed each; none when the race is over."""


def race(
    scores: Mapping[int, RunScores],
    margin: Margin,
    runs: int,
    *,
    costs: Mapping[int, float] | None = None,
    indifference: float = NEGLIGIBLE_DIFFERENCE,
) -> Race:
    """Judge the trials in `scores`, of which `runs` may still run on a further seed.

    Those that chance may have put behind the highest mean are still in the race. Of these, the
    leader has the highest mean among those with most runs: one that has run less often may be ahead
    because its first run was lucky.

    `costs`: what each of them costs, in any unit. `indifference`: below which difference, chance
    included, trials are alike.
    """
    means = {trial: fmean(of_trial) for trial, of_trial in scores.items()}
    order = sorted(scores, key=lambda trial: (-means[trial], trial))
    best = order[0]
    left = [t for t in order if means[best] - means[t] <= margin(scores[best], scores[t])]
    most = max(len(scores[trial]) for trial in left)
    leader = next(trial for trial in left if len(scores[trial]) == most)

    def equals_leader(trial: int) -> bool:
        apart = abs(means[leader] - means[trial])
        return apart + margin(scores[leader], scores[trial]) < indifference

    alike = (leader, *(trial for trial in order if trial != leader and equals_leader(trial)))
    winner = leader
    if costs is not None:
        cheapest = min(alike, key=lambda trial: costs[trial])
        winner = cheapest if costs[cheapest] < CHEAPER_COST_FRACTION * costs[leader] else leader
    if set(left) <= set(alike):
        return Race(winner, alike, ())
    fewest = min(len(scores[trial]) for trial in left)
    return Race(winner, alike, tuple(t for t in left if len(scores[t]) == fewest)[:runs])


def affordable_runs(epochs: float, budget: int) -> int:
    """How many runs of `budget` epochs may choose the winner of trials of `epochs` in all."""
    return max(MIN_CHOICE_RUNS, min(MAX_CHOICE_RUNS, int(CHOICE_EPOCHS_FRACTION * epochs / budget)))
