"""The drawing: frames of `analysis.curves` in, SVG text out, for a page that may be light or dark.

Text and axes take the colour of the page's text (`currentColor`). Series have colours from Okabe and Ito's palette
(https://jfly.uni-koeln.de/color/) with a contrast of 3 or more on white and on near-black, and differ in line style too. The only text
of the user's in a figure is what its lines are called.
"""

import hashlib
import io
import re
from collections.abc import Mapping, Sequence
from itertools import cycle, pairwise, product
from typing import Any

import matplotlib
import pandas
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.curves import Stage
from analysis.text import plain

BLUE, VERMILION, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#808080"
INK = "#010203"
"""Stands for the page's text colour until the SVG is written."""
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "analysis",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GREY,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "legend.fontsize": 9,
}
STATE_LOOKS = {
    "PRUNED": {"label": "stopped early", "color": GREY, "alpha": 0.45, "linewidth": 0.8},
    "FAIL": {"label": "failed", "color": VERMILION, "alpha": 0.7, "linewidth": 1.0, "linestyle": ":"},
    "RUNNING": {"label": "not finished", "color": GREY, "alpha": 0.8, "linewidth": 0.8, "linestyle": "--"},
    "COMPLETE": {"label": "full budget", "color": BLUE, "alpha": 0.6, "linewidth": 0.9},
}


def learning_curves(curves: pandas.DataFrame, winner: int | None, stages: Sequence[Stage]) -> str:
    """Validation accuracy over epochs of every trial; trial 0 and the winner stand out. A dotted line between stages."""
    figure, axes = _panel("epoch", "validation accuracy (%)")
    marked = {0, winner}
    for state, look in STATE_LOOKS.items():
        _lines(axes, curves[(curves["state"] == state) & ~curves["trial"].isin(marked)], **look)
    if winner != 0:
        _lines(axes, curves[curves["trial"] == 0], label="trial 0", color=GREEN, linewidth=1.8, linestyle="--")
    name = "trial 0, the winner" if winner == 0 else f"trial {winner}, the winner"
    _lines(axes, curves[curves["trial"] == winner], label=name, color=VERMILION, linewidth=2.2)
    _divide(axes, stages)
    return _svg(figure, axes)


def best_so_far(best: pandas.DataFrame, pruned: pandas.DataFrame) -> str:
    """Scores and the best of them so far over trials; `pruned` (`number`, `best_accuracy`) are trials without a score."""
    figure, axes = _panel("trial, in the order of asking", "validation accuracy (%)")
    if len(pruned):
        axes.plot(pruned["number"], 100 * pruned["best_accuracy"], "x", color=GREY, markersize=5, label="stopped early")
    if len(best):
        axes.plot(best["number"], 100 * best["score"], "o", color=BLUE, markersize=4, label="full budget")
        axes.step(best["number"], 100 * best["best"], where="post", color=VERMILION, linewidth=2, label="best so far")
    first = best[best["number"] == 0]["score"]
    if len(first):
        axes.axhline(100 * first.iloc[0], color=GREEN, linestyle="--", linewidth=1.2, label="trial 0")
    return _svg(figure, axes)


def expected_best(budgets: Mapping[str, pandas.DataFrame]) -> str:
    """Expected best score over the number of trials, a line and a band of one standard deviation for each name."""
    figure, axes = _panel("trials", "expected best validation accuracy (%)")
    for (style, colour), (name, budget) in zip(cycle(product(("-", "--", "-.", ":"), (BLUE, VERMILION, GREEN, GREY))), budgets.items()):
        low, high = budget["expected"] - budget["deviation"], budget["expected"] + budget["deviation"]
        axes.fill_between(budget["trials"], 100 * low, 100 * high.clip(upper=1.0), color=colour, alpha=0.12, linewidth=0)
        label = plain(name)[:40].lstrip("_").replace("$", r"\$")
        axes.plot(budget["trials"], 100 * budget["expected"], style, color=colour, linewidth=1.8, label=label)
    return _svg(figure, axes)


def accuracy_curve(curve: pandas.DataFrame, stages: Sequence[Stage]) -> str:
    """Training and validation accuracy of one trial over epochs; a dotted line between stages."""
    figure, axes = _panel("epoch", "accuracy (%)")
    _pair(axes, curve, "accuracy", 100)
    _divide(axes, stages)
    return _svg(figure, axes)


def loss_curve(curve: pandas.DataFrame) -> str:
    """Training and validation loss of one trial over the epochs of one stage."""
    figure, axes = _panel("epoch", "loss (nats)")
    _pair(axes, curve, "loss", 1)
    return _svg(figure, axes)


def _pair(axes: Axes, curve: pandas.DataFrame, what: str, factor: float) -> None:
    """Training dashed, validation solid; either is left out where it has no values."""
    looks = {"train": ("training", BLUE, "s--"), "validation": ("validation", VERMILION, "o-")}
    for split, (label, colour, form) in looks.items():
        values = curve[f"{split}_{what}"]
        if values.notna().any():
            axes.plot(curve["epoch"], factor * values, form, color=colour, markersize=4, linewidth=1.6, label=label)


def _divide(axes: Axes, stages: Sequence[Stage]) -> None:
    for before, after in pairwise(stages):
        axes.axvline((before.last + after.first) / 2, color=INK, linestyle=":", linewidth=1)


def _lines(axes: Axes, curves: pandas.DataFrame, **look: object) -> None:
    """One line a trial, all of them one path with gaps; a trial of one epoch is a dot."""
    if curves.empty:
        return
    x: list[float] = []
    y: list[float] = []
    for _, curve in curves.groupby("trial"):
        x += [*curve["epoch"], float("nan")]
        y += [*(100 * curve["validation_accuracy"]), float("nan")]
    single = curves["trial"].value_counts().min() == 1
    axes.plot(x, y, marker="o" if single else None, markersize=4, **look)  # type: ignore[arg-type]


def _panel(x: str, y: str) -> tuple[Figure, Axes]:
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4.4, 3.3), layout="constrained")
        axes = figure.add_subplot()
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True))
        axes.grid(visible=True)
    return figure, axes


def _svg(figure: Figure, axes: Axes) -> str:
    """The figure as an <svg> element without a size of its own, with a legend above it and ids that no other figure has."""
    out = io.StringIO()
    handles, labels = axes.get_legend_handles_labels()
    with matplotlib.rc_context(STYLE):
        if handles:
            figure.legend(handles, labels, loc="outside upper left", ncols=2)
        figure.savefig(out, format="svg", transparent=True, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    return _inline(out.getvalue())


def _inline(document: str) -> str:
    """An SVG document as an element of an HTML page: no size and no fonts of its own, ids that other figures don't have."""
    svg = document[document.index("<svg") :].replace(INK, "currentColor")
    svg = re.sub(r"<svg [^>]*?(viewBox=\"[^\"]*\")[^>]*>", r'<svg \1 xmlns:xlink="http://www.w3.org/1999/xlink">', svg, count=1)
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<defs>\s*</defs>", "", svg)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    svg = re.sub(r" font-family: [^;]*;", "", svg)
    own = hashlib.sha256(svg.encode()).hexdigest()[:8]
    return re.sub(r'(\bid="|#)([mp][0-9a-f]{10})\b', rf"\g<1>f{own}-\g<2>", svg)
