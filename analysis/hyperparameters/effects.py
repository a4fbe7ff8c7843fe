"""Which hyperparameters mattered, by ranks: an answer from a handful of trials on."""

from functools import lru_cache

import numpy as np
import pandas

from analysis.read.space import Choices, Space

MIN_EFFECT_TRIALS = 4
"""Completed trials from which on ranks are compared."""
SHUFFLES = 999
"""How often the scores are shuffled, to see how large effects are by chance."""
COLUMNS = ["parameter", "effect", "better", "chance", "trials"]


def effects(placed: pandas.DataFrame, space: Space) -> pandas.DataFrame:
    """A row per parameter, the strongest effect first, from what `slices` returns.

    `effect`: Spearman's rank correlation with the score of completed trials, or the correlation
    ratio of the ranks where values have no order; both are from 0 to 1 without their sign.
    `better`: `higher`, `lower` or the best value. `chance`: the fraction of shuffles with at least
    that effect. Parameters with fewer than `MIN_EFFECT_TRIALS` trials or a single value are left
    out.
    """
    complete = placed[(placed["state"] == "COMPLETE") & placed["final_stage_score"].notna()]
    rows = [
        _effect(str(name), own, space)
        for name, own in complete.groupby("parameter", sort=False)
        if len(own) >= MIN_EFFECT_TRIALS and own["place"].nunique() > 1
    ]
    frame = pandas.DataFrame(rows, columns=COLUMNS)
    return frame.sort_values("effect", ascending=False, kind="stable", ignore_index=True)


def _effect(
    name: str, trials: pandas.DataFrame, space: Space
) -> tuple[str, float, str, float, int]:
    score = trials["final_stage_score"].rank().to_numpy()
    shuffles = _shuffled(tuple(score.tolist()))
    if _ordered(name, space):
        place = trials["place"].rank().to_numpy()
        correlation = float(_correlations(score[None], place)[0])
        effect, by_chance = abs(correlation), np.abs(_correlations(shuffles, place))
        better = "higher" if correlation > 0 else "lower"
    else:
        values = trials["value"].to_numpy()
        groups = [values == value for value in dict.fromkeys(values)]
        effect, by_chance = float(_ratios(score[None], groups)[0]), _ratios(shuffles, groups)
        best = max(groups, key=lambda group: float(score[group].mean()))
        better = str(values[best][0]) or "none"
    chance = (1 + int((by_chance >= effect - 1e-9).sum())) / (1 + SHUFFLES)
    return name, effect, better, chance, len(trials)


@lru_cache(maxsize=2)
def _shuffled(ranks: tuple[float, ...]) -> np.ndarray:
    """(SHUFFLES, N): drawn once for all parameters that every trial has."""
    return np.random.default_rng(0).permuted(np.tile(ranks, (SHUFFLES, 1)), axis=1)


def _ordered(name: str, space: Space) -> bool:
    """Whether a parameter's values have an order: numbers of a range, or a list of numbers."""
    kind = space[name]
    if not isinstance(kind, Choices):
        return True
    try:
        return len([float(value) for value in kind.values]) > 1
    except ValueError:
        return False


def _correlations(ranks: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Pearson's correlation of each row of `ranks` (S, N) with `place` (N,); 0 for a constant."""
    centred, other = ranks - ranks.mean(axis=1, keepdims=True), place - place.mean()
    scale = np.sqrt((centred**2).sum(axis=1) * (other**2).sum())
    result: np.ndarray = np.divide(
        centred @ other, scale, out=np.zeros(len(ranks)), where=scale > 0
    )
    return result


def _ratios(ranks: np.ndarray, groups: list[np.ndarray]) -> np.ndarray:
    """The root of the variance between groups over all variance, for each row of `ranks`."""
    mean = ranks.mean(axis=1)
    total = ((ranks - mean[:, None]) ** 2).sum(axis=1)
    between = sum(group.sum() * (ranks[:, group].mean(axis=1) - mean) ** 2 for group in groups)
    ratio = np.divide(between, total, out=np.zeros(len(ranks)), where=total > 0)
    result: np.ndarray = np.sqrt(ratio)
    return result
