"""Differences to the best with their intervals: which are significant."""

from collections.abc import Sequence

import numpy as np
import pandas

from analysis.page.drawing import BLUE, GREY, INK, VERMILION, names, panel, svg

COLUMNS = ["name", "difference", "half_width", "half_width_new_sentences", "different"]
"""Of the frame that is drawn: fractions; `different`: whether it is significant on these
sentences."""
FAR_MEDIANS = 3.0
"""A difference so many times beyond the median is named at the edge instead of drawn."""
LEAST_SPAN = 2.0
"""Percentage points that the axis shows at least."""


def forest(rows: pandas.DataFrame, best: str, metric: str) -> str:
    """A row per rival: the thick line is the interval on these sentences, the thin one on new ones.

    Zero is the best. A row whose thick line ends before zero differs significantly from it.
    `metric`: what the differences are of, in words.
    """
    figure, axes = panel(
        f"{metric} minus that of {names([best])[0]} (points)",
        "",
        width=7.0,
        height=1.0 + 0.3 * max(2, len(rows)),
    )
    limit = _limit(100 * rows["difference"], 100 * rows["half_width_new_sentences"])
    axes.axvline(0, color=INK, linewidth=1)
    for place, row in enumerate(rows.to_dict("records")):
        value = 100 * row["difference"]
        colour = VERMILION if row["different"] else BLUE
        if value < -limit:
            axes.text(-limit, place, f" ◂ {value:+.1f}", va="center", fontsize=9, color=INK)
            continue
        for name, width, alpha in (("half_width_new_sentences", 1.0, 0.7), ("half_width", 4.0, 1)):
            half = 100 * row[name]
            if half == half:
                ends = np.clip([value - half, value + half], -limit, limit)
                axes.plot(ends, [place, place], color=colour, linewidth=width, alpha=alpha)
        axes.plot([value], [place], "o", color=colour, markersize=6, markeredgecolor=INK)
    axes.set_yticks(range(len(rows)), names([str(name) for name in rows["name"]]))
    axes.set_ylim(len(rows) - 0.5, -0.5)
    highest = (100 * (rows["difference"] + rows["half_width_new_sentences"])).max()
    axes.set_xlim(-limit, float(np.clip(1.05 * highest, 0.1 * limit, limit)))
    axes.grid(visible=False, axis="y")
    axes.plot([], [], color=VERMILION, linewidth=4, label="significant difference")
    axes.plot([], [], color=BLUE, linewidth=4, label="no significant difference")
    axes.plot([], [], color=GREY, linewidth=1, label="on new sentences")
    return svg(figure, axes)


def _limit(values: Sequence[float] | pandas.Series, halves: pandas.Series) -> float:
    """How far the axis goes: to the lowest end that is not far from the others."""
    ends = np.sort(np.abs(np.asarray(values, dtype=float)) + halves.fillna(0.0).to_numpy())
    typical = max(LEAST_SPAN, FAR_MEDIANS * float(np.median(ends)))
    return float(max(LEAST_SPAN, ends[ends <= typical].max(initial=0.0))) * 1.05
