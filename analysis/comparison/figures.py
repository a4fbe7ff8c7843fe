"""Figures of the comparison, from the frames of `analysis.comparison.numbers`, as SVG text."""

from collections.abc import Sequence

import pandas
from matplotlib.axes import Axes

from analysis.page.drawing import BLUE, GREEN, INK, VERMILION, names, panel, svg


def standings(numbers: pandas.DataFrame, labels: Sequence[str]) -> str:
    """Each search's accuracies with 95 % intervals, a row per search."""
    figure, axes = panel("accuracy (%)", "", height=1.8 + 0.36 * len(numbers))
    _means(axes, numbers, "confirmed_accuracy", "confirmed, validation", "o", BLUE, -0.1)
    _means(axes, numbers, "test_accuracy", "confirmed, test", "s", VERMILION, 0.12)
    trial_0 = {"marker": "|", "color": GREEN, "markersize": 9, "markeredgewidth": 2}
    published = {"marker": "D", "color": INK, "markersize": 5, "markeredgewidth": 0.8}
    for floor in numbers["floor_validation_accuracy"].dropna().unique():
        axes.axvline(
            100 * floor, color=INK, linewidth=1, linestyle=":", label="best floor, validation"
        )
    _points(axes, numbers["paper_config_validation_accuracy"], "trial 0, validation", trial_0)
    _points(axes, numbers["paper_test_accuracy"], "the paper, test", published)
    axes.set_yticks(range(len(numbers)), names(labels))
    axes.set_ylim(len(numbers) - 0.5, -0.5)
    axes.set_xlim(max(-1.0, axes.get_xlim()[0]), min(101.0, axes.get_xlim()[1]))
    return svg(figure, axes)


def _means(
    axes: Axes,
    numbers: pandas.DataFrame,
    name: str,
    label: str,
    marker: str,
    colour: str,
    offset: float,
) -> None:
    """Means with their intervals, clipped to accuracies that exist."""
    measured = numbers[f"{name}_mean"].notna()
    rows = [row + offset for row, present in enumerate(measured) if present]
    if not rows:
        return
    mean = 100 * numbers[f"{name}_mean"][measured]
    half_width = 100 * numbers[f"{name}_half_width"][measured].fillna(0.0)
    wider = 100 * numbers[f"{name}_half_width_new_sentences"][measured].fillna(0.0)
    if name == "test_accuracy":  # validation chose, so it says less about new sentences
        axes.hlines(
            rows,
            (mean - wider).clip(lower=0),
            (mean + wider).clip(upper=100),
            colour,
            linewidth=0.6,
        )
    axes.errorbar(
        mean,
        rows,
        xerr=[half_width.clip(upper=mean), half_width.clip(upper=100.0 - mean)],
        fmt=marker,
        color=colour,
        markersize=5,
        linewidth=1.4,
        capsize=3,
        label=label,
    )


def _points(axes: Axes, values: pandas.Series, label: str, style: dict[str, object]) -> None:
    measured = values.notna()
    rows = [row for row, present in enumerate(measured) if present]
    if rows:
        axes.plot(100 * values[measured], rows, linestyle="", label=label, **style)  # type: ignore[arg-type]
