"""Policies of two rounds: all trials for a few epochs, then the best from their start to the end.

Nothing is stored between the rounds, so the second one repeats what the first one trained. Trial 0
is always in the second round. Trials run one after the other.
"""

from collections.abc import Callable, Iterable, Sequence

from tests.benchmarks.replay.recording import Conditions, Row
from tests.benchmarks.replay.simulation import Replayed

Curves = Sequence[Sequence[float]]
TIE = 0.01
"""Accuracies that differ by less have the same rank in PASHA."""


def one_epoch(keep: int) -> Callable[[Sequence[Row], Conditions], Replayed]:
    """One epoch for all, then trial 0 and the best `keep` others.

    See https://arxiv.org/abs/2307.15422.
    """

    def policy(rows: Sequence[Row], conditions: Conditions) -> Replayed:
        curves = [row.accuracies[: conditions.epochs] for row in rows]
        reached = [curve[:1] for curve in curves]
        return _second_round(rows, curves, reached, keep)

    return policy


def pasha(
    keep: int, first: int = 1, factor: int = 3
) -> Callable[[Sequence[Row], Conditions], Replayed]:
    """Successive halving that adds a rung only while ranks still change at the highest two, then
    trial 0 and the best `keep` others: https://arxiv.org/abs/2207.06940.

    Trials that ended at a rung are not continued when one is added: later trials go there.
    """

    def policy(rows: Sequence[Row], conditions: Conditions) -> Replayed:
        curves = [row.accuracies[: conditions.epochs] for row in rows]
        rungs, reached = [first, first * factor], list[Sequence[float]]()
        for curve in curves:
            reached.append(curve[: _end(curve, reached, rungs, factor)])
            both = [done for done in reached if len(done) >= rungs[-1]]
            if _ranks_change(both, *rungs[-2:]) and rungs[-1] * factor <= conditions.epochs:
                rungs.append(rungs[-1] * factor)
        return _second_round(rows, curves, reached, keep)

    return policy


def _end(curve: Sequence[float], others: Curves, rungs: Sequence[int], factor: int) -> int:
    """The rung at which a trial ends: the first where it is not among the best, or the highest."""
    for rung in rungs[:-1]:
        seen = [other[rung - 1] for other in others if len(other) >= rung]
        better = sum(other > curve[rung - 1] for other in seen) if len(curve) >= rung else len(seen)
        if better >= max(1, (len(seen) + 1) // factor):
            return rung
    return rungs[-1]


def _ranks_change(curves: Curves, lower: int, upper: int) -> bool:
    """Whether two trials that differ at both rungs have swapped places."""
    return any(
        one[lower - 1] > other[lower - 1] + TIE and one[upper - 1] < other[upper - 1] - TIE
        for one in curves
        for other in curves
    )


def _second_round(rows: Sequence[Row], curves: Curves, reached: Curves, keep: int) -> Replayed:
    """Train trial 0 and the best `keep` others, those that came further before the rest."""
    order = sorted(
        range(1, len(rows)), key=lambda place: (len(reached[place]), *reached[place][-1:])
    )
    spent, completed = _epochs(reached), list[tuple[int, int]]()
    for place in (0, *order[::-1][:keep]):
        spent += len(curves[place])
        if rows[place].score is not None:
            completed.append((place, spent))
    return Replayed(spent, _epochs(curves), completed)


def _epochs(curves: Iterable[Sequence[float]]) -> int:
    return sum(map(len, curves))
