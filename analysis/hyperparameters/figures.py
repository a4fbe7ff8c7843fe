"""What a search's scores depended on: frames of `analysis.hyperparameters.numbers` in, SVG text
out. Places in a range are from 0 to 1, on its own scale."""

from typing import Any

import numpy as np
import pandas
from matplotlib import colormaps
from matplotlib.axes import Axes

from analysis.hyperparameters.numbers import Choices, Range, Space
from analysis.page.drawing import BLUE, GREY, INK, VERMILION, at_the_bottom, name, names, panel, svg

TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
LEVELS = 5


def one_slice(
    found: pandas.DataFrame, parameter: str, kind: Range | Choices, best: int | None, edge: str
) -> str:
    """Scores over one parameter's values; the best trial stands out, and the end of the range that
    it lies at is shaded."""
    figure, axes = panel(name(parameter) + _scale(kind), "validation accuracy (%)", height=2.7)
    _points(axes, found.assign(x=found["place"], y=100 * found["score"]), best)
    if edge:
        axes.axvspan(
            *((0.95, 1.05) if edge == "high" else (-0.05, 0.05)),
            color=VERMILION,
            alpha=0.15,
            linewidth=0,
        )
    axes.set_xlim(-0.05, 1.05)
    _ticks(axes, "x", kind)
    return svg(figure, axes)


def importances(found: pandas.DataFrame) -> str:
    """Bars, the most important on top; `name` and `importance` (a share of 1)."""
    figure, axes = panel(
        "share of the scores' variance (%)", "", height=max(2.0, 0.6 + 0.26 * len(found))
    )
    axes.barh(range(len(found)), 100 * found["importance"], color=BLUE, height=0.6)
    axes.set_yticks(range(len(found)), names(list(found["name"])))
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    return svg(figure, axes)


def contour(found: pandas.DataFrame, x: str, y: str, space: Space, best: int | None) -> str:
    """Scores over two parameters: a point a trial, coloured by its score, over levels between the
    points where both are numbers."""
    figure, axes = panel(name(x) + _scale(space[x]), name(y) + _scale(space[y]))
    score = 100 * found["score"].to_numpy(dtype=float)
    borders = np.unique(
        np.quantile(score, np.linspace(0, 1, LEVELS + 1))
    )  # as many trials in each: a single bad one takes no colours
    level = np.clip(np.searchsorted(borders, score, side="right") - 1, 0, max(0, len(borders) - 2))
    colours = [
        colormaps["cividis"](share) for share in np.linspace(0.1, 1.0, max(1, len(borders) - 1))
    ]
    if all(isinstance(space[one], Range) for one in (x, y)) and len(borders) > 2 and _spread(found):
        axes.tricontourf(found["x"], found["y"], score, levels=borders, colors=colours, alpha=0.45)
    for number, colour in enumerate(colours):
        own = found[level == number]
        if len(own):
            axes.plot(
                own["x"],
                own["y"],
                "o",
                color=colour,
                markeredgecolor=INK,
                markeredgewidth=0.6,
                markersize=5,
                label=(
                    f"{borders[number]:.1f} to {borders[min(number + 1, len(borders) - 1)]:.1f} %"
                ),
            )
    own = found[found["number"] == best]
    if len(own):
        axes.plot(
            own["x"],
            own["y"],
            "*",
            color=VERMILION,
            markersize=13,
            markeredgecolor=INK,
            label=f"trial {best}, the best",
        )
    for side, one in (("x", x), ("y", y)):
        _ticks(axes, side, space[one])
    axes.set_xlim(-0.05, 1.05)
    axes.set_ylim(-0.05, 1.05)
    return svg(figure, axes)


def parallel(found: pandas.DataFrame, space: Space, best: int | None) -> str:
    """A line a trial through its places in every parameter's range; a parameter that a trial was
    not given leaves a gap."""
    order = [one for one in space if one in set(found["parameter"])]
    wide = found.pivot(index="number", columns="parameter", values="place")[order]
    whole = found.drop_duplicates("number").set_index("number")
    complete = whole[whole["state"] == "COMPLETE"]["score"]
    top = set(complete.nlargest(max(1, len(complete) // 5)).index) - {best}
    figure, axes = panel("", "place in the range (low to high)", width=9.0, height=3.6)
    groups: dict[str, tuple[set[Any], dict[str, Any]]] = {
        "stopped early": (
            set(whole.index) - set(complete.index),
            {"color": GREY, "alpha": 0.35, "linewidth": 0.7},
        ),
        "full budget": (
            set(complete.index) - top - {best},
            {"color": BLUE, "alpha": 0.5, "linewidth": 0.8},
        ),
        "the best fifth": (top, {"color": BLUE, "alpha": 1.0, "linewidth": 1.8}),
        f"trial {best}, the best": (
            {best} & set(whole.index),
            {"color": VERMILION, "linewidth": 2.6},
        ),
    }
    for label, (numbers, look) in groups.items():
        lines = wide.loc[sorted(numbers)]
        x = np.tile([*range(len(order)), np.nan], len(lines))
        y = np.column_stack([lines.to_numpy(dtype=float), np.full(len(lines), np.nan)]).ravel()
        if len(lines):
            axes.plot(x, y, marker="o", markersize=2.5, label=label, **look)
    axes.set_xticks(range(len(order)), names(order, 24), rotation=30, ha="right")
    axes.set_yticks(TICKS[::2], ["low", "middle", "high"])
    return svg(figure, axes)


def _points(axes: Axes, found: pandas.DataFrame, best: int | None) -> None:
    pruned, complete = found[found["state"] == "PRUNED"], found[found["state"] == "COMPLETE"]
    axes.plot(pruned["x"], pruned["y"], "x", color=GREY, markersize=4, alpha=0.8)
    at_the_bottom(axes, pruned[pruned["y"].isna()]["x"])
    axes.plot(complete["x"], complete["y"], "o", color=BLUE, markersize=4)
    own = complete[complete["number"] == best]
    axes.plot(
        own["x"],
        own["y"],
        "*",
        color=VERMILION,
        markersize=13,
        markeredgecolor=INK,
        markeredgewidth=0.6,
    )


def _scale(kind: Range | Choices) -> str:
    return " (log scale)" if isinstance(kind, Range) and kind.log else ""


def _ticks(axes: Axes, side: str, kind: Range | Choices) -> None:
    """Values where the places are: five of a range, all of a list."""
    if isinstance(kind, Choices):
        places, texts = (
            [kind.place(value) for value in kind.values],
            names([value or "none" for value in kind.values], 14),
        )
    else:
        low, high = (np.log(x) if kind.log else x for x in (kind.low, kind.high))
        values = [low + place * (high - low) for place in TICKS]
        places, texts = (
            list(TICKS),
            [f"{np.exp(value) if kind.log else value:.3g}" for value in values],
        )
    (axes.set_xticks if side == "x" else axes.set_yticks)(places, texts)


def _spread(found: pandas.DataFrame) -> bool:
    """Whether points are enough, and not all on a line: levels between them need triangles."""
    points = found[["x", "y"]].drop_duplicates().to_numpy(dtype=float)
    return len(points) >= 4 and np.linalg.matrix_rank(points[1:] - points[0], tol=1e-3) == 2
