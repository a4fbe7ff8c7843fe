"""Where a search's trials and its best trial lie in the ranges that it sampled from."""

import math
from functools import lru_cache

import pandas

from analysis.read.folder import CONFIG_PREFIX, Search
from analysis.read.space import SearchRange, Space

SLICE_COLUMNS = ["parameter", "number", "state", "value", "place", "final_stage_score"]
EDGE_COLUMNS = ["parameter", "value", "range", "place", "edge"]


def slices(trials: pandas.DataFrame, space: Space) -> pandas.DataFrame:
    """A row per completed or pruned trial and hyperparameter that was sampled for it.

    Columns: `parameter`, `number`, `state`, `value` (text), `place` (0 to 1 in the range, on its
    scale) and `final_stage_score` (NaN if pruned before the final stage).
    """
    reported = trials[
        trials["best_validation_score"].notna() & trials["state"].isin(["COMPLETE", "PRUNED"])
    ]
    suggested = _suggested(reported)
    rows: list[tuple[str, int, str, str, float, float]] = []
    for name, parameter in space.items():
        if CONFIG_PREFIX + name not in reported:
            continue
        values = reported[CONFIG_PREFIX + name].fillna("").astype(str)
        columns = (reported["number"], reported["state"], values, reported["final_stage_score"])
        for names, number, state, value, score in zip(suggested, *columns):
            if names is None or name in names:
                place = parameter.place(value)
                if not math.isnan(place):
                    rows.append((name, int(number), state, value, place, score))
    frame = pandas.DataFrame(rows, columns=SLICE_COLUMNS)
    return frame.astype({"place": float, "final_stage_score": float})


@lru_cache(maxsize=32)
def placed(search: Search) -> pandas.DataFrame:
    """The slices of a search, found once."""
    return slices(search.trials, search.space)


def _suggested(trials: pandas.DataFrame) -> list[set[str] | None]:
    """The parameters that were sampled for each trial; None where that is not recorded."""
    if "suggested" not in trials:
        return [None] * len(trials)
    return [set(names.split()) for names in trials["suggested"].fillna("")]


def edges(placed: pandas.DataFrame, space: Space, best: int | None) -> pandas.DataFrame:
    """The best trial's values, from what `slices` returns.

    Columns: `parameter`, `value`, `range`, `place`, and `edge` (`low`, `high` or empty).
    """
    own = placed[placed["number"] == best]
    rows = [
        {
            "parameter": name,
            "value": value,
            "range": str(space[name]),
            "place": place,
            "edge": space[name].edge(place),
        }
        for name, value, place in zip(own["parameter"], own["value"], own["place"])
    ]
    return pandas.DataFrame(rows, columns=EDGE_COLUMNS)


def pairs(placed: pandas.DataFrame, x: str, y: str) -> pandas.DataFrame:
    """The trials for which two parameters were sampled, from what `slices` returns.

    Columns: `number`, `state`, `x` and `y` (places in the two ranges), `final_stage_score`.
    """
    first, second = (placed[placed["parameter"] == name].set_index("number") for name in (x, y))
    both = (
        first[["state", "place", "final_stage_score"]]
        .rename(columns={"place": "x"})
        .join(second["place"].rename("y"), how="inner")
    )
    return both.reset_index()[["number", "state", "x", "y", "final_stage_score"]]


def is_numeric(space: Space, name: str) -> bool:
    """Whether a parameter has a range, so that values between two of its values make sense."""
    return isinstance(space.get(name), SearchRange)
