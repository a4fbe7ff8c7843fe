"""Figures of a model's errors, from the frames of `analysis.mistakes.numbers`, as SVG text."""

import pandas
from matplotlib.patches import Rectangle

from analysis.mistakes.numbers import MAX_CLASSES_SHOWN
from analysis.page.drawing import BLUE, GREY, INK, VERMILION, names, panel, svg

MIN_LABELLED_FRACTION = 0.05
"""Errors below this fraction of a row have no percentage in their cell."""


def matrix(fractions: pandas.DataFrame) -> str:
    """A confusion matrix; darker is more frequent, correct cells are blue and errors vermilion."""
    side = 1.8 + 0.3 * len(fractions)
    figure, axes = panel("predicted", "label", width=side + 1.0, height=side)
    for row, values in enumerate(fractions.to_numpy()):
        for column, fraction in enumerate(values):
            if fraction > 0:
                colour = BLUE if row == column else VERMILION
                corner = (column - 0.5, row - 0.5)
                opacity = 0.1 + 0.7 * fraction
                axes.add_patch(Rectangle(corner, 1, 1, color=colour, alpha=opacity, linewidth=0))
            if fraction >= MIN_LABELLED_FRACTION and row != column:
                percent = f"{100 * fraction:.0f}"
                axes.text(column, row, percent, ha="center", va="center", fontsize=7, color=INK)
    labels = names([str(label) for label in fractions.index], 24)
    axes.set_xticks(range(len(labels)), labels, rotation=90, fontsize=8)
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    axes.set_xlim(-0.5, len(labels) - 0.5)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    return svg(figure, axes)


def reliability(bins: pandas.DataFrame) -> str:
    """A reliability diagram: accuracy over confidence, larger points for more predictions.

    A calibrated model lies on the diagonal.
    """
    figure, axes = panel("confidence (%)", "accuracy (%)")
    axes.plot([0, 100], [0, 100], ":", color=GREY, linewidth=1.2, label="calibrated")
    confidence, accuracy = 100 * bins["confidence"], 100 * bins["accuracy"]
    axes.plot(confidence, accuracy, "-", color=BLUE, linewidth=1.6, label="the model")
    largest = bins["n"].max()
    for x, y, n in zip(confidence, accuracy, bins["n"]):
        size = 3 + 9 * (n / largest) ** 0.5
        axes.plot(x, y, "o", color=BLUE, markersize=size, clip_on=False)
        axes.annotate(
            f"{n:,}",
            (x, y),
            xytext=(6, -10),
            textcoords="offset points",
            fontsize=7,
            color=INK,
        )
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 100)
    return svg(figure, axes)


def classes(accuracies: pandas.DataFrame) -> str:
    """Accuracies of the least accurate classes with their intervals, the worst on top."""
    worst = accuracies.head(MAX_CLASSES_SHOWN)
    figure, axes = panel("accuracy (%)", "", height=1.0 + 0.26 * len(worst))
    below = 100 * (worst["accuracy"] - worst["low"])
    above = 100 * (worst["high"] - worst["accuracy"])
    axes.errorbar(
        100 * worst["accuracy"],
        range(len(worst)),
        xerr=[below, above],
        fmt="o",
        color=BLUE,
        markersize=4,
        capsize=2,
    )
    labels = names([str(label) for label in worst["label"]], 24)
    ticks = [f"{label} ({n})" for label, n in zip(labels, worst["sentences"])]
    axes.set_yticks(range(len(worst)), ticks, fontsize=8)
    axes.set_ylim(len(worst) - 0.5, -0.5)
    axes.set_xlim(-2, 102)
    return svg(figure, axes)
