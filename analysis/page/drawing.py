"""The style of all figures, and their SVG text, for a page that may be light or dark.

Text and axes take the colour of the page's text (`currentColor`). Series have colours from Okabe
and Ito's palette (https://jfly.uni-koeln.de/color/) with a contrast of 3 or more on white and on
near-black, and differ in line style too.
"""

import hashlib
import io
import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any

import matplotlib
import pandas
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Bbox

from analysis.text import plain

BLUE, VERMILION, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#808080"
INK = "#010203"
"""Replaced by `currentColor` in the SVG."""
LEGEND_CHARACTERS_PER_INCH = 5
"""Longest labels, per inch of the figure's width, that a legend of two columns does not cut off."""
POINTS_PER_INCH = 72
"""The resolution of an SVG: its unit is a point."""
PADDING = 3.0
"""Points around the axes and their labels."""
ABOUT = (0.2, 0.2, 0.75, 0.65)
"""Where the axes are about, as fractions of the figure, until their texts are measured."""
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
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GREY,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "legend.fontsize": 9,
}


def panel(x: str, y: str, *, width: float = 4.4, height: float = 3.3) -> tuple[Figure, Axes]:
    """A figure with one pair of axes, given their labels; sizes in inches, which a page scales."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), dpi=POINTS_PER_INCH)
        axes = figure.add_axes(ABOUT)
        axes.set_xlabel(x, va="bottom")
        axes.set_ylabel(y, va="top")
        axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True, min_n_ticks=1))
        axes.yaxis.set_major_locator(MaxNLocator(nbins=8, steps=[1, 2, 2.5, 5, 10]))
    return figure, axes


def svg(figure: Figure, axes: Axes) -> str:
    """The figure as an <svg> element that takes its container's width, with a legend above it.

    Its ids are unique among figures. The canvas writes it directly, because `savefig` draws a
    figure twice.
    """
    out = io.StringIO()
    with matplotlib.rc_context(STYLE):
        _lay_out(figure, axes, _legend(figure, axes))
        for patch in (figure.patch, axes.patch):
            patch.set(facecolor="none", edgecolor="none")
        FigureCanvasSVG(figure).print_svg(
            out, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type"))
        )
    return _inline(out.getvalue())


def _legend(figure: Figure, axes: Axes) -> Legend | None:
    """A legend at the top of the figure; none without labels."""
    handles, labels = axes.get_legend_handles_labels()
    if not handles:
        return None
    longest = LEGEND_CHARACTERS_PER_INCH * figure.get_figwidth()
    columns = 2 if max(map(len, labels)) <= longest else 1
    return figure.legend(handles, labels, loc="upper left", ncols=columns, borderaxespad=0.2)


@cache
def _ruler() -> RendererAgg:
    """Measures texts. matplotlib keeps what a renderer has measured, so all figures share one."""
    return RendererAgg(1, 1, POINTS_PER_INCH)


def _lay_out(figure: Figure, axes: Axes, legend: Legend | None) -> None:
    """Give the axes the room that the texts around them leave, and their labels the edges.

    matplotlib's constrained layout measures all ticks eight times, which takes longer than drawing.
    """
    width, height = figure.bbox.size
    renderer = _ruler()
    sides = (axes.xaxis, axes.yaxis)
    x_label, y_label = (side.label.get_window_extent(renderer) for side in sides)
    for side in sides:
        side.label.set_visible(False)
        side.set_label_coords(0, 0)  # Else a label's place is found anew, from all ticks.
    ticks = Bbox.union([box for side in sides if (box := side.get_tightbbox(renderer))])
    left = 2 * PADDING + y_label.width + max(0.0, axes.bbox.x0 - ticks.x0)
    bottom = 2 * PADDING + x_label.height + max(0.0, axes.bbox.y0 - ticks.y0)
    right = width - PADDING - max(0.0, ticks.x1 - axes.bbox.x1)
    top = height - PADDING - max(0.0, ticks.y1 - axes.bbox.y1)
    if legend:
        top -= legend.get_window_extent(renderer).height
    axes.set_position(
        (left / width, bottom / height, (right - left) / width, (top - bottom) / height)
    )
    places = ((left + right) / 2, PADDING), (PADDING, (bottom + top) / 2)
    for axis, (x, y) in zip(sides, places):
        axis.label.set_visible(True)
        axis.set_label_coords(x / width, y / height, figure.transFigure)


def mark_at_bottom(axes: Axes, x: Sequence[float] | pandas.Series, label: str = "") -> None:
    """Ticks at the lower edge, for points that have an x but no y."""
    if len(x):
        axes.plot(
            x,
            [0.02] * len(x),
            "|",
            color=GREY,
            markersize=7,
            transform=axes.get_xaxis_transform(),
            label=label or None,
        )


def _inline(document: str) -> str:
    """An SVG document as an element for an HTML page: without size and fonts, with unique ids."""
    svg = document[document.index("<svg") :].replace(INK, "currentColor")
    svg = re.sub(
        r"<svg [^>]*?(viewBox=\"[^\"]*\")[^>]*>",
        r'<svg \1 xmlns:xlink="http://www.w3.org/1999/xlink">',
        svg,
        count=1,
    )
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<defs>\s*</defs>", "", svg)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    svg = re.sub(r" font-family: [^;]*;", "", svg)
    own = hashlib.sha256(svg.encode()).hexdigest()[:8]
    return re.sub(
        r'(\bid="|#)((?:[mp]|C[0-9a-f]+_[0-9a-f]+_)[0-9a-f]{10})\b', rf"\g<1>f{own}-\g<2>", svg
    )


def name(text: str, longest: int = 40) -> str:
    """A user's text for a figure, shortened in its middle.

    Escaped so that matplotlib neither parses a formula in it nor hides a line for its underscore.
    """
    return _escaped(_shortened(plain(text), longest))


def names(texts: Sequence[str], longest: int = 40) -> list[str]:
    """Several of the user's texts for a figure; those that would look alike are numbered."""
    different = dict.fromkeys(texts)
    alike = Counter(_shortened(plain(text), longest) for text in different)
    count: Counter[str] = Counter()
    shown = {}
    for text in different:
        short = _shortened(plain(text), longest)
        count[short] += 1
        shown[text] = _escaped(f"{short} ({count[short]})" if alike[short] > 1 else short)
    return [shown[text] for text in texts]


def _shortened(text: str, longest: int) -> str:
    """Labels often differ only at their end, so the middle is cut."""
    if len(text) <= longest:
        return text
    tail = (longest - 1) // 3
    return f"{text[: longest - 1 - tail]}…{text[len(text) - tail :]}"


def _escaped(text: str) -> str:
    return (f" {text}" if text.startswith("_") else text).replace("$", r"\$")
