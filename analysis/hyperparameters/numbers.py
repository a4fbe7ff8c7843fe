"""Where a search's trials and its best trial lie in the ranges that it sampled from."""

import pandas

from analysis.read.folder import CONFIG_PREFIX
from analysis.read.space import Range, Space

SLICE_COLUMNS = ["parameter", "number", "state", "value", "place", "final_stage_accuracy"]
EDGE_COLUMNS = ["parameter", "value", "range", "place", "edge"]


def slices(trials: pandas.DataFrame, space: Space) -> pandas.DataFrame:
    """A row per completed or pruned trial and hyperparameter that was sampled for it.

    Columns: `parameter`, `number`, `state`, `value` (text), `place` (0 to 1 in the range, on its
    scale) and `final_stage_accuracy` (NaN if pruned before the final stage).
    """
    reported = trials[
        trials["best_validation_accuracy"].notna() & trials["state"].isin(["COMPLETE", "PRUNED"])
    ]
    frames = []
    for name, parameter in space.items():
        if CONFIG_PREFIX + name not in reported:
            continue
        sampled = _sampled(reported, name)
        value = sampled[CONFIG_PREFIX + name].fillna("").astype(str)
        frame = pandas.DataFrame(
            {
                "parameter": name,
                "number": sampled["number"].astype(int),
                "state": sampled["state"],
                "value": value,
                "place": value.map(parameter.place).astype(float),
                "final_stage_accuracy": sampled["final_stage_accuracy"],
            }
        )
        frames.append(frame)
    if not frames:
        return pandas.DataFrame(columns=SLICE_COLUMNS)
    return pandas.concat(frames, ignore_index=True).dropna(subset="place")


def _sampled(trials: pandas.DataFrame, parameter: str) -> pandas.DataFrame:
    """The trials for which this parameter was sampled; all of them if that is not recorded."""
    if "suggested" not in trials:
        return trials
    names = trials["suggested"].fillna("").str.split()
    return trials.loc[[parameter in suggested for suggested in names]]


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

    Columns: `number`, `state`, `x` and `y` (places in the two ranges), `final_stage_accuracy`.
    """
    first, second = (placed[placed["parameter"] == name].set_index("number") for name in (x, y))
    both = (
        first[["state", "place", "final_stage_accuracy"]]
        .rename(columns={"place": "x"})
        .join(second["place"].rename("y"), how="inner")
    )
    return both.reset_index()[["number", "state", "x", "y", "final_stage_accuracy"]]


def is_numeric(space: Space, name: str) -> bool:
    """Whether a parameter has a range, so that values between two of its values make sense."""
    return isinstance(space.get(name), Range)
