"""What a policy cost and what it lost, with intervals, as Markdown tables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas

from analysis.page.markdown import markdown
from tests.benchmarks.replay.policies import DEFAULT
from tests.benchmarks.replay.recording import Conditions, Row
from tests.benchmarks.replay.simulation import Replayed

PART = 0.25
"""Of the epochs without pruning. In a short search, a policy that prunes tries more trials."""
SLOW_START, GOOD_END = 0.5, 0.2
"""A slow starter is in the lower half after its first epoch and in the top fifth at the end."""
DRAWS = 2000
"""Of the bootstrap."""


@dataclass(frozen=True)
class Outcome:
    """One policy on one order of one recording."""

    data: str
    regime: str
    sampler: str
    policy: str
    order: int
    epochs: float
    """Spent, as a fraction of those without pruning."""
    survives: float
    """Whether a trial with the best score was trained to the end."""
    regret: float
    """The best score minus the best of the completed trials, in points."""
    regret_in_part: float
    """The same when a quarter of the epochs without pruning are spent."""
    slow_kept: int
    """Slow starters that were trained to the end."""
    slow: int
    """Slow starters."""


def judge(
    conditions: Conditions, policy: str, order: int, rows: Sequence[Row], replayed: Replayed
) -> Outcome:
    """What a policy cost and lost. Failed trials score 0."""
    scores = [row.score or 0.0 for row in rows]
    slow = slow_starters(rows)

    def regret(within: float) -> float:
        reached = (scores[place] for place, spent in replayed.completed if spent <= within)
        return 100 * (max(scores) - max(reached, default=0.0))

    missed = regret(replayed.whole)
    return Outcome(
        data=conditions.data,
        regime=conditions.regime,
        sampler=conditions.sampler,
        policy=policy,
        order=order,
        epochs=replayed.spent / replayed.whole,
        survives=float(missed == 0),
        regret=missed,
        regret_in_part=regret(PART * replayed.whole),
        slow_kept=len(slow & {place for place, _ in replayed.completed}),
        slow=len(slow),
    )


def slow_starters(rows: Sequence[Row]) -> set[int]:
    """The places of trials that start in the lower half and end in the top fifth."""
    first = _ranks([max(row.accuracies[:1], default=0.0) for row in rows])
    last = _ranks([row.score or 0.0 for row in rows])
    return {
        place
        for place in range(len(rows))
        if first[place] > (1 - SLOW_START) * len(rows) and last[place] <= GOOD_END * len(rows)
    }


def _ranks(values: Sequence[float]) -> list[float]:
    """1 for the highest; equal values share the mean of their ranks."""
    ranks: list[float] = pandas.Series(values).rank(ascending=False).tolist()
    return ranks


def table(outcomes: pandas.DataFrame) -> str:
    """A row for each policy: means over recordings, with 95 % bootstrap intervals."""
    rows = []
    for policy, own in outcomes.groupby("policy", sort=False):
        slow = int(own.groupby(["data", "regime"])["slow"].first().sum())
        rows.append(
            {
                "policy": str(policy),
                "epochs, %": _interval(own, lambda each: 100 * each["epochs"]),
                "winner survives, %": _interval(own, lambda each: 100 * each["survives"]),
                "points lost": _interval(own, lambda each: each["regret"], 2),
                "lost in a quarter of the epochs": _interval(
                    own, lambda each: each["regret_in_part"], 2
                ),
                f"of {slow} slow starters, %": _interval(
                    own[own["slow"] > 0], lambda each: 100 * each["slow_kept"] / each["slow"]
                ),
            }
        )
    return markdown(pandas.DataFrame(rows))


def chosen_without(outcomes: pandas.DataFrame) -> str:
    """For each data set: the policy that loses least in a quarter of the epochs on the others, of
    equal ones the cheapest, and how it does on this one beside today's default."""
    rows = []
    for data in sorted(outcomes["data"].unique()):
        others = outcomes[outcomes["data"] != data].groupby("policy")
        costs = (
            others[["regret_in_part", "epochs"]].mean().sort_values(["regret_in_part", "epochs"])
        )
        own = outcomes[outcomes["data"] == data].groupby("policy").mean(numeric_only=True)
        for policy in (str(costs.index[0]), DEFAULT):
            here = own.loc[policy]
            rows.append(
                {
                    "left out": data,
                    "policy": policy,
                    "epochs, %": f"{100 * here['epochs']:.0f}",
                    "points lost": f"{here['regret']:.2f}",
                    "lost in a quarter of the epochs": f"{here['regret_in_part']:.2f}",
                }
            )
    return markdown(pandas.DataFrame(rows))


def _interval(
    outcomes: pandas.DataFrame,
    measure: Callable[[pandas.DataFrame], pandas.Series],
    digits: int = 0,
) -> str:
    """The mean over recordings of the means over orders, with its 95 % interval."""
    groups = [measure(own).to_numpy() for _, own in outcomes.groupby(["data", "regime"])]
    if not groups:
        return "\N{EN DASH}"
    mean = np.mean([group.mean() for group in groups])
    low, high = bootstrap(groups)
    return f"{mean:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def bootstrap(groups: Sequence[np.ndarray], draws: int = DRAWS) -> tuple[float, float]:
    """The 95 % interval of the mean of the groups' means: groups are drawn, then values in each."""
    random = np.random.default_rng(0)
    means = np.stack(
        [random.choice(group, (draws, len(group))).mean(axis=1) for group in groups],
        axis=1,
    )  # (draws, groups)
    drawn = random.integers(len(groups), size=(draws, len(groups)))
    low, high = np.percentile(np.take_along_axis(means, drawn, axis=1).mean(axis=1), [2.5, 97.5])
    return float(low), float(high)
