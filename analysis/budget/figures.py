"""Figures of a search's budget, from the frames of `analysis.budget`, as SVG text."""

from collections.abc import Mapping
from itertools import cycle, product

import pandas

from analysis.page.drawing import BLUE, GREEN, GREY, VERMILION, names, panel, svg


def expected_best(budgets: Mapping[str, pandas.DataFrame], metric: str) -> str:
    """Expected best score over the number of trials, a line and a band per search."""
    figure, axes = panel("trials", f"expected best {metric} (%)")
    styles = cycle(product(("-", "--", "-.", ":"), (BLUE, VERMILION, GREEN, GREY)))
    for (style, colour), label, budget in zip(styles, names(list(budgets)), budgets.values()):
        n = budget["trials"]
        low, high = 100 * budget["low"], 100 * budget["high"]
        axes.fill_between(n, low, high, color=colour, alpha=0.25, linewidth=0)
        axes.plot(n, 100 * budget["expected"], style, color=colour, linewidth=1.8, label=label)
    return svg(figure, axes)


def rungs(correlations: pandas.DataFrame) -> str:
    """Rank correlation with the final score over epochs, from `analysis.budget.rungs`."""
    figure, axes = panel("epoch", "rank correlation with final score")
    series = {
        "correlation": ("all completed trials", "o-", BLUE),
        "correlation_better_half": ("the better half", "s--", VERMILION),
    }
    for name, (label, style, colour) in series.items():
        axes.plot(
            correlations["epoch"],
            correlations[name],
            style,
            color=colour,
            markersize=4,
            label=label,
        )
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.set_ylim(min(-0.05, correlations[list(series)].min().min() - 0.05), 1.05)
    return svg(figure, axes)
