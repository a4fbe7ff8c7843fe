"""Figures of a search's space, from the frames of `analysis.hyperparameters.numbers`, as SVG text.

Places in a range are from 0 to 1, on the range's own scale.
"""

import math
from typing import Any

import numpy as np
import pandas
from matplotlib import colormaps
from matplotlib.axes import Axes

from analysis.page.drawing import (
    BLUE,
    GREY,
    INK,
    VERMILION,
    mark_at_bottom,
    name,
    names,
    panel,
    svg,
)
from analysis.read.space import Choices, SearchRange, Space

TICK_PLACES = (0.0, 0.25, 0.5, 0.75, 1.0)
CONTOUR_LEVELS = 5
BEST_STAR = {
    "marker": "*",
    "linestyle": "",
    "color": VERMILION,
    "markersize": 13,
    "markeredgecolor": INK,
    "markeredgewidth": 0.6,
}


def one_slice(
    placed: pandas.DataFrame,
    parameter: str,
    kind: SearchRange | Choices,
    best: int | None,
    edge: str,
    metric: str,
) -> str:
    """The `metric` in words over one parameter's values, with the best trial as a star.

    `edge` (`low`, `high` or empty) is the end of the range to shade, because the best lies there.
    """
    figure, axes = panel(name(parameter) + _scale(kind), f"validation {metric} (%)", height=2.7)
    score = 100 * placed["final_stage_score"]
    pruned, complete = placed["state"] == "PRUNED", placed["state"] == "COMPLETE"
    own = complete & (placed["number"] == best)
    place = placed["place"]
    axes.plot(place[pruned], score[pruned], "x", color=GREY, markersize=4, alpha=0.8)
    mark_at_bottom(axes, place[pruned & score.isna()])
    axes.plot(place[complete], score[complete], "o", color=BLUE, markersize=4)
    axes.plot(place[own], score[own], **BEST_STAR)  # type: ignore[arg-type]
    if edge:
        span = (0.95, 1.05) if edge == "high" else (-0.05, 0.05)
        axes.axvspan(*span, color=VERMILION, alpha=0.15, linewidth=0)
    axes.set_xlim(-0.05, 1.05)
    _set_ticks(axes, "x", kind)
    return svg(figure, axes)


def importances(importances: pandas.DataFrame) -> str:
    """A bar per parameter, the most important on top."""
    height = max(2.0, 0.6 + 0.26 * len(importances))
    figure, axes = panel("fraction of the variance (%)", "", height=height)
    rows = range(len(importances))
    axes.barh(rows, 100 * importances["importance"], color=BLUE, height=0.6)
    axes.set_yticks(rows, names(list(importances["name"])))
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    return svg(figure, axes)


def contour(both: pandas.DataFrame, x: str, y: str, space: Space, best: int | None) -> str:
    """The score over two parameters: a point per trial, and contours between numeric ones."""
    figure, axes = panel(name(x) + _scale(space[x]), name(y) + _scale(space[y]))
    score = 100 * both["final_stage_score"].to_numpy(dtype=float)
    # Levels hold equally many trials, so that a single bad one does not take all the colours.
    borders = np.unique(np.quantile(score, np.linspace(0, 1, CONTOUR_LEVELS + 1)))
    levels = max(1, len(borders) - 1)
    colours = [colormaps["cividis"](position) for position in np.linspace(0.1, 1.0, levels)]
    numeric = isinstance(space[x], SearchRange) and isinstance(space[y], SearchRange)
    if numeric and len(borders) > 2 and _span_an_area(both):
        axes.tricontourf(both["x"], both["y"], score, levels=borders, colors=colours, alpha=0.45)
    level = np.clip(np.searchsorted(borders, score, side="right") - 1, 0, levels - 1)
    for number, colour in enumerate(colours):
        own = both[level == number]
        if own.empty:
            continue
        low, high = borders[number], borders[min(number + 1, len(borders) - 1)]
        axes.plot(
            own["x"],
            own["y"],
            "o",
            color=colour,
            markeredgecolor=INK,
            markeredgewidth=0.6,
            markersize=5,
            label=f"{low:.1f} to {high:.1f} %",
        )
    own = both[both["number"] == best]
    if len(own):
        label = f"trial {best}, the best"
        axes.plot(own["x"], own["y"], label=label, **BEST_STAR)  # type: ignore[arg-type]
    _set_ticks(axes, "x", space[x])
    _set_ticks(axes, "y", space[y])
    axes.set_xlim(-0.05, 1.05)
    axes.set_ylim(-0.05, 1.05)
    return svg(figure, axes)


def parallel(placed: pandas.DataFrame, space: Space, best: int | None) -> str:
    """Parallel coordinates: a line per trial through its place in every parameter's range.

    A parameter that was not sampled for a trial leaves a gap.
    """
    order = [parameter for parameter in space if parameter in set(placed["parameter"])]
    places = placed.pivot(index="number", columns="parameter", values="place")[order]
    trials = placed.drop_duplicates("number").set_index("number")
    complete = trials[trials["state"] == "COMPLETE"]["final_stage_score"]
    top = set(complete.nlargest(max(1, len(complete) // 5)).index) - {best}
    figure, axes = panel("", "place in the range", width=9.0, height=3.6)
    pruned = set(trials.index) - set(complete.index)
    rest = set(complete.index) - top - {best}
    groups: dict[str, tuple[set[Any], dict[str, Any]]] = {
        "pruned": (pruned, {"color": GREY, "alpha": 0.35, "linewidth": 0.7}),
        "completed": (rest, {"color": BLUE, "alpha": 0.5, "linewidth": 0.8}),
        "the best fifth": (top, {"color": BLUE, "alpha": 1.0, "linewidth": 1.8}),
        f"trial {best}, the best": (
            {best} & set(trials.index),
            {"color": VERMILION, "linewidth": 2.6},
        ),
    }
    for label, (numbers, style) in groups.items():
        lines = places.loc[sorted(numbers)]
        if lines.empty:
            continue
        # One path with gaps for all lines of a group keeps the SVG small.
        x = np.tile([*range(len(order)), np.nan], len(lines))
        y = np.column_stack([lines.to_numpy(dtype=float), np.full(len(lines), np.nan)]).ravel()
        axes.plot(x, y, marker="o", markersize=2.5, label=label, **style)
    axes.set_xticks(range(len(order)), names(order, 24), rotation=30, ha="right")
    axes.set_yticks(TICK_PLACES[::2], ["low", "middle", "high"])
    return svg(figure, axes)


def _scale(kind: SearchRange | Choices) -> str:
    return " (log scale)" if isinstance(kind, SearchRange) and kind.log else ""


def _set_ticks(axes: Axes, side: str, kind: SearchRange | Choices) -> None:
    """Label an axis of places with values: five of a range, all of a list of choices."""
    if isinstance(kind, Choices):
        places = [kind.place(value) for value in kind.values]
        labels = names([value or "none" for value in kind.values], 14)
    elif kind.log:
        values = _decades(kind.low, kind.high)
        places = [kind.place(repr(value)) for value in values]
        labels = [f"{value:.3g}" for value in values]
    else:
        places = list(TICK_PLACES)
        labels = [f"{kind.low + place * (kind.high - kind.low):.3g}" for place in places]
    (axes.set_xticks if side == "x" else axes.set_yticks)(places, labels)


def _decades(low: float, high: float) -> list[float]:
    """The powers of ten in a range, five at most; of a range with less than two, its ends too."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    powers = [float(f"1e{power}") for power in range(first, last + 1)]
    powers = [value for value in powers[:: max(1, -(-len(powers) // 5))] if low <= value <= high]
    return powers if len(powers) > 1 else [low, *powers, high]


def _span_an_area(both: pandas.DataFrame) -> bool:
    """Whether there are enough points, not all on a line: contours are drawn over triangles."""
    points = both[["x", "y"]].drop_duplicates().to_numpy(dtype=float)
    return len(points) >= 4 and np.linalg.matrix_rank(points[1:] - points[0], tol=1e-3) == 2
