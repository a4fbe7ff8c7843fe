"""Figures of the comparison, from the frames of `analysis.comparison.numbers`, as SVG text."""

from collections.abc import Sequence

import pandas
from matplotlib.axes import Axes

from analysis.page.drawing import BLUE, GREEN, INK, VERMILION, names, panel, svg

FAR_POINTS = 12.0
"""A floor or trial 0 so many points below the searches is named at the edge instead of drawn."""


def standings(
    numbers: pandas.DataFrame,
    labels: Sequence[str],
    seeds: Sequence[tuple[Sequence[float], Sequence[float]]],
    metric: str,
) -> str:
    """Each search's runs as dots and their means with 95 % intervals, a row per search.

    `seeds`: each search's scores on validation and test, a run each. `metric`: what they are.
    """
    figure, axes = panel(f"{metric} (%)", "", width=7.0, height=1.3 + 0.42 * len(numbers))
    _means(axes, numbers, "confirmed_score", "validation", BLUE, -0.15)
    _means(axes, numbers, "test_score", "test", VERMILION, 0.15)
    for row, (validation, test) in enumerate(seeds):
        for values, colour, offset in ((validation, BLUE, -0.15), (test, VERMILION, 0.15)):
            axes.plot(
                [100 * value for value in values],
                [row + offset] * len(values),
                "o",
                color=colour,
                markersize=3.5,
                alpha=0.55,
                markeredgewidth=0,
            )
    low, high = _span(numbers)
    for floor in numbers["floor_validation_score"].dropna().unique():
        if 100 * floor >= low:
            axes.axvline(
                100 * floor, color=INK, linewidth=1, linestyle=":", label="best floor, validation"
            )
    _draw_markers(axes, numbers["paper_config_validation_score"], "trial 0, validation", "|", low)
    _draw_markers(axes, numbers["paper_test_accuracy"], "the paper, test", "D", low)
    axes.set_yticks(range(len(numbers)), names(labels))
    axes.set_ylim(len(numbers) - 0.5, -0.5)
    axes.set_xlim(low, high)
    return svg(figure, axes)


def _span(numbers: pandas.DataFrame) -> tuple[float, float]:
    """From the lowest to the highest interval, and what is not far below them."""
    splits = ("confirmed_score", "test_score")
    half = {name: numbers[f"{name}_half_width_new_sentences"].fillna(0.0) for name in splits}
    low = min((100 * (numbers[f"{name}_mean"] - half[name])).min() for name in splits[:1])
    high = max((100 * (numbers[f"{name}_mean"] + half[name])).max() for name in splits)
    tests = 100 * (numbers["test_score_mean"] - half["test_score"])
    others = [
        *tests,
        *(100 * numbers["floor_validation_score"]),
        *(100 * numbers["paper_config_validation_score"]),
        *(100 * numbers["paper_test_accuracy"]),
    ]
    low = min([low, *(value for value in others if value > low - FAR_POINTS)])
    margin = 0.05 * (high - low) + 0.2
    return max(-1.0, low - margin), min(101.0, high + margin)


def _means(
    axes: Axes, numbers: pandas.DataFrame, name: str, label: str, colour: str, offset: float
) -> None:
    """Means with their intervals, clipped to scores that exist: thick on these sentences, thin
    on new ones."""
    measured = numbers[f"{name}_mean"].notna()
    rows = [row + offset for row, present in enumerate(measured) if present]
    if not rows:
        return
    mean = 100 * numbers[f"{name}_mean"][measured]
    for column, width in (("half_width_new_sentences", 0.7), ("half_width", 2.6)):
        half = 100 * numbers[f"{name}_{column}"][measured].fillna(0.0)
        axes.hlines(
            rows,
            (mean - half).clip(lower=0),
            (mean + half).clip(upper=100),
            colour,
            linewidth=width,
        )
    axes.plot(mean, rows, "|", color=colour, markersize=11, markeredgewidth=2, label=label)


def _draw_markers(axes: Axes, values: pandas.Series, label: str, marker: str, low: float) -> None:
    """A mark per search; one that is far below the others is written at the edge."""
    measured = [(row, 100 * value) for row, value in enumerate(values) if value == value]
    near = [(row, value) for row, value in measured if value >= low]
    if near:
        axes.plot(
            [value for _, value in near],
            [row for row, _ in near],
            linestyle="",
            marker=marker,
            color=GREEN if marker == "|" else INK,
            markersize=9 if marker == "|" else 5,
            markeredgewidth=2 if marker == "|" else 0.8,
            label=label,
        )
    for row, value in measured:
        if value < low:
            text = f" ◂ {label.split(',')[0]}: {value:.1f}"
            axes.text(low, row, text, va="center", fontsize=8, color=INK)
