"""Where a model errs, drawn: frames of `analysis.mistakes.numbers` in, SVG text out."""

import pandas
from matplotlib.patches import Rectangle

from analysis.mistakes.numbers import MOST
from analysis.page.drawing import BLUE, GREY, INK, VERMILION, names, panel, svg


def matrix(shares: pandas.DataFrame) -> str:
    """Cells as dark as their share; right ones blue, errors vermilion, with the percentage in those
    of 5 % and more."""
    side = 1.8 + 0.3 * len(shares)
    figure, axes = panel("predicted", "label", width=side + 1.0, height=side)
    for row, values in enumerate(shares.to_numpy()):
        for column, share in enumerate(values):
            if share > 0:
                colour = BLUE if row == column else VERMILION
                axes.add_patch(
                    Rectangle(
                        (column - 0.5, row - 0.5),
                        1,
                        1,
                        color=colour,
                        alpha=0.1 + 0.7 * share,
                        linewidth=0,
                    )
                )
            if share >= 0.05 and row != column:
                axes.text(
                    column,
                    row,
                    f"{100 * share:.0f}",
                    ha="center",
                    va="center",
                    fontsize=7,
                    color=INK,
                )
    labels = names([str(label) for label in shares.index], 24)
    axes.set_xticks(range(len(labels)), labels, rotation=90, fontsize=8)
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    axes.set_xlim(-0.5, len(labels) - 0.5)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    return svg(figure, axes)


def reliability(bins: pandas.DataFrame) -> str:
    """Accuracy over confidence, a point a bin, as large as it has predictions; the diagonal is what
    a calibrated model has."""
    figure, axes = panel("confidence (%)", "accuracy (%)")
    axes.plot([0, 100], [0, 100], ":", color=GREY, linewidth=1.2, label="calibrated")
    axes.plot(
        100 * bins["confidence"],
        100 * bins["accuracy"],
        "-",
        color=BLUE,
        linewidth=1.6,
        label="the model",
    )
    for confidence, accuracy, n in bins[["confidence", "accuracy", "n"]].itertuples(
        index=False, name=None
    ):
        axes.plot(
            100 * confidence,
            100 * accuracy,
            "o",
            color=BLUE,
            markersize=3 + 9 * (n / bins["n"].max()) ** 0.5,
        )
        axes.annotate(
            f"{n:,}",
            (100 * confidence, 100 * accuracy),
            xytext=(6, -10),
            textcoords="offset points",
            fontsize=7,
            color=INK,
        )
    axes.set_xlim(0, 105)
    axes.set_ylim(0, 105)
    return svg(figure, axes)


def classes(found: pandas.DataFrame) -> str:
    """Accuracies of the worst classes with their intervals, the worst on top."""
    worst = found.head(MOST)
    figure, axes = panel("accuracy (%)", "", height=1.0 + 0.26 * len(worst))
    low, high = 100 * (worst["accuracy"] - worst["low"]), 100 * (worst["high"] - worst["accuracy"])
    axes.errorbar(
        100 * worst["accuracy"],
        range(len(worst)),
        xerr=[low, high],
        fmt="o",
        color=BLUE,
        markersize=4,
        capsize=2,
    )
    labels = [
        f"{label} ({n})"
        for label, n in zip(names([str(label) for label in worst["label"]], 24), worst["sentences"])
    ]
    axes.set_yticks(range(len(worst)), labels, fontsize=8)
    axes.set_ylim(len(worst) - 0.5, -0.5)
    axes.set_xlim(-2, 102)
    return svg(figure, axes)
