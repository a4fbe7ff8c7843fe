"""The curves: frames of `analysis.trials.numbers` and `analysis.budget.numbers` in, SVG text out.

The only text of the user's is what lines are called.
"""

from collections.abc import Mapping, Sequence
from itertools import cycle, pairwise, product

import pandas
from matplotlib.axes import Axes

from analysis.page.drawing import (
    BLUE,
    GREEN,
    GREY,
    INK,
    VERMILION,
    at_the_bottom,
    names,
    panel,
    svg,
)
from analysis.trials.numbers import Stage

STATE_LOOKS = {
    "PRUNED": {"label": "stopped early", "color": GREY, "alpha": 0.7, "linewidth": 0.8},
    "FAIL": {
        "label": "failed",
        "color": VERMILION,
        "alpha": 0.7,
        "linewidth": 1.0,
        "linestyle": ":",
    },
    "RUNNING": {
        "label": "not finished",
        "color": GREY,
        "alpha": 0.8,
        "linewidth": 0.8,
        "linestyle": "--",
    },
    "COMPLETE": {"label": "full budget", "color": BLUE, "alpha": 0.8, "linewidth": 0.9},
}


def learning_curves(curves: pandas.DataFrame, winner: int | None, stages: Sequence[Stage]) -> str:
    """Validation accuracy over epochs of every trial; trial 0 and the winner stand out.

    A dotted line between stages.
    """
    figure, axes = panel("epoch", "validation accuracy (%)")
    marked = {0, winner}
    for state, look in STATE_LOOKS.items():
        _lines(axes, curves[(curves["state"] == state) & ~curves["trial"].isin(marked)], **look)
    if winner != 0:
        _lines(
            axes,
            curves[curves["trial"] == 0],
            label="trial 0",
            color=GREEN,
            linewidth=1.8,
            linestyle="--",
        )
    label = "trial 0, the winner" if winner == 0 else f"trial {winner}, the winner"
    _lines(axes, curves[curves["trial"] == winner], label=label, color=VERMILION, linewidth=2.2)
    _divide(axes, stages)
    return svg(figure, axes)


def best_so_far(best: pandas.DataFrame, pruned: pandas.DataFrame) -> str:
    """Scores and the best of them so far over trials; `pruned` (`number`, `score`) are trials that
    were stopped early."""
    figure, axes = panel("trial, in the order of asking", "validation accuracy (%)")
    scored = pruned[pruned["score"].notna()]
    if len(scored):
        axes.plot(
            scored["number"],
            100 * scored["score"],
            "x",
            color=GREY,
            markersize=5,
            label="stopped early",
        )
    at_the_bottom(axes, pruned[pruned["score"].isna()]["number"], "stopped early, no score")
    if len(best):
        axes.plot(
            best["number"], 100 * best["score"], "o", color=BLUE, markersize=4, label="full budget"
        )
        axes.step(
            best["number"],
            100 * best["best"],
            where="post",
            color=VERMILION,
            linewidth=2,
            label="best so far",
        )
    first = best[best["number"] == 0]["score"]
    if len(first):
        axes.axhline(
            100 * first.iloc[0], color=GREEN, linestyle="--", linewidth=1.2, label="trial 0"
        )
    return svg(figure, axes)


def expected_best(budgets: Mapping[str, pandas.DataFrame]) -> str:
    """Expected best score over the number of trials, a line and a band between quantiles for each
    name."""
    figure, axes = panel("trials", "expected best accuracy (%)")
    looks = cycle(product(("-", "--", "-.", ":"), (BLUE, VERMILION, GREEN, GREY)))
    for (style, colour), text, budget in zip(looks, names(list(budgets)), budgets.values()):
        axes.fill_between(
            budget["trials"],
            100 * budget["low"],
            100 * budget["high"],
            color=colour,
            alpha=0.25,
            linewidth=0,
        )
        axes.plot(
            budget["trials"],
            100 * budget["expected"],
            style,
            color=colour,
            linewidth=1.8,
            label=text,
        )
    return svg(figure, axes)


def standings(numbers: pandas.DataFrame, labels: Sequence[str]) -> str:
    """Accuracies of each search, from `analysis.comparison.numbers.numbers`, with 95 % intervals, a
    row a search under its label."""
    figure, axes = panel("accuracy (%)", "", height=1.8 + 0.36 * len(numbers))
    looks = {
        "confirmed_accuracy": ("confirmed, validation", "o", BLUE, -0.1),
        "test_accuracy": ("confirmed, test", "s", VERMILION, 0.12),
    }
    for key, (label, marker, colour, shift) in looks.items():
        known = numbers[f"{key}_mean"].notna()
        mean, half = (
            100 * numbers[f"{key}_mean"][known],
            100 * numbers[f"{key}_half_width"][known].fillna(0.0),
        )
        rows = [row + shift for row, there in enumerate(known) if there]
        if rows:
            within = [half.clip(upper=mean), half.clip(upper=100.0 - mean)]
            axes.errorbar(
                mean,
                rows,
                xerr=within,
                fmt=marker,
                color=colour,
                markersize=5,
                linewidth=1.4,
                capsize=3,
                label=label,
            )
    for key, (label, marker, colour) in {
        "paper_config_validation_accuracy": ("trial 0, validation", "|", GREEN),
        "paper_test_accuracy": ("the paper, test", "D", INK),
    }.items():
        known = numbers[key].notna()
        if known.any():
            axes.plot(
                100 * numbers[key][known],
                [row for row, there in enumerate(known) if there],
                marker,
                color=colour,
                markersize=9 if marker == "|" else 5,
                markeredgewidth=2 if marker == "|" else 0.8,
                label=label,
            )
    axes.set_yticks(range(len(numbers)), names(labels))
    axes.set_ylim(len(numbers) - 0.5, -0.5)
    axes.set_xlim(max(-1.0, axes.get_xlim()[0]), min(101.0, axes.get_xlim()[1]))
    return svg(figure, axes)


def rungs(found: pandas.DataFrame) -> str:
    """Rank correlation with the end over epochs, from `analysis.rungs`."""
    figure, axes = panel("epoch", "rank correlation with the end")
    axes.plot(
        found["epoch"],
        found["correlation"],
        "o-",
        color=BLUE,
        markersize=4,
        label="all at full budget",
    )
    axes.plot(
        found["epoch"],
        found["correlation_better_half"],
        "s--",
        color=VERMILION,
        markersize=4,
        label="the better half",
    )
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.set_ylim(
        min(-0.05, found[["correlation", "correlation_better_half"]].min().min() - 0.05), 1.05
    )
    return svg(figure, axes)


def learning_rate(curve: pandas.DataFrame) -> str:
    """The highest learning rate of any parameter group at the end of each epoch of one trial."""
    figure, axes = panel("epoch", "learning rate")
    axes.plot(curve["epoch"], curve["learning_rate"], "o-", color=BLUE, markersize=4, linewidth=1.6)
    axes.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
    return svg(figure, axes)


def accuracy_curve(
    curve: pandas.DataFrame, stages: Sequence[Stage], again: pandas.DataFrame
) -> str:
    """Training and validation accuracy of one trial over epochs, and of `again`, the same on other
    seeds (`trial` tells them apart); a dotted line between stages."""
    figure, axes = panel("epoch", "accuracy (%)")
    _lines(axes, again, label="validation, other seeds", color=VERMILION, alpha=0.45, linewidth=1.0)
    _pair(axes, curve, "accuracy", 100)
    _divide(axes, stages)
    return svg(figure, axes)


def loss_curve(curve: pandas.DataFrame) -> str:
    """Training and validation loss of one trial over the epochs of one stage."""
    figure, axes = panel("epoch", "loss (nats)")
    _pair(axes, curve, "loss", 1)
    return svg(figure, axes)


def _pair(axes: Axes, curve: pandas.DataFrame, what: str, factor: float) -> None:
    """Training dashed, validation solid; either is left out where it has no values."""
    looks = {"train": ("training", BLUE, "s--"), "validation": ("validation", VERMILION, "o-")}
    for split, (label, colour, form) in looks.items():
        values = curve[f"{split}_{what}"]
        if values.notna().any():
            axes.plot(
                curve["epoch"],
                factor * values,
                form,
                color=colour,
                markersize=4,
                linewidth=1.6,
                label=label,
            )


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
