"""Figures of a search's trials, from the frames of `analysis.trials.numbers`, as SVG text."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas
from matplotlib.axes import Axes

from analysis.page.drawing import BLUE, GREEN, GREY, INK, VERMILION, mark_at_bottom, panel, svg
from analysis.read.stages import Stage

STATE_STYLES = {
    "PRUNED": {"label": "pruned", "color": GREY, "alpha": 0.7, "linewidth": 0.8},
    "FAIL": {
        "label": "failed",
        "color": VERMILION,
        "alpha": 0.7,
        "linewidth": 1.0,
        "linestyle": ":",
    },
    "RUNNING": {
        "label": "running",
        "color": GREY,
        "alpha": 0.8,
        "linewidth": 0.8,
        "linestyle": "--",
    },
    "COMPLETE": {"label": "completed", "color": BLUE, "alpha": 0.8, "linewidth": 0.9},
}


def learning_curves(
    curves: pandas.DataFrame, winner: int | None, stages: Sequence[Stage], metric: str
) -> str:
    """Every trial's score on validation over epochs, with trial 0 and the winner highlighted.

    Dotted lines separate stages. `metric`: what the score is, in words.
    """
    figure, axes = panel("epoch", f"validation {metric} (%)")
    others = curves[~curves["trial"].isin({0, winner})]
    for state, style in STATE_STYLES.items():
        _lines(axes, others[others["state"] == state], "trial", **style)
    if winner != 0:
        trial_0 = {"label": "trial 0", "color": GREEN, "linewidth": 1.8, "linestyle": "--"}
        _lines(axes, curves[curves["trial"] == 0], "trial", **trial_0)
    label = "trial 0, the winner" if winner == 0 else f"trial {winner}, the winner"
    best = curves[curves["trial"] == winner]
    _lines(axes, best, "trial", label=label, color=VERMILION, linewidth=2.2)
    _separate(axes, stages)
    return svg(figure, axes)


def best_so_far(best: pandas.DataFrame, pruned: pandas.DataFrame, metric: str) -> str:
    """The score over trials in the order they were proposed, and the best of them so far."""
    figure, axes = panel("trial", f"validation {metric} (%)")
    scored = pruned[pruned["final_stage_score"].notna()]
    unscored = pruned[pruned["final_stage_score"].isna()]
    if len(scored):
        score = 100 * scored["final_stage_score"]
        axes.plot(scored["number"], score, "x", color=GREY, markersize=5, label="pruned")
    mark_at_bottom(axes, unscored["number"], "pruned before the final stage")
    if len(best):
        score = 100 * best["best_validation_score"]
        axes.plot(best["number"], score, "o", color=BLUE, markersize=4, label="completed")
        axes.step(
            best["number"],
            100 * best["best_so_far"],
            where="post",
            color=VERMILION,
            linewidth=2,
            label="best so far",
        )
    first = best[best["number"] == 0]["best_validation_score"]
    if len(first):
        height = 100 * first.iloc[0]
        axes.axhline(height, color=GREEN, linestyle="--", linewidth=1.2, label="trial 0")
    return svg(figure, axes)


def score_curve(
    curve: pandas.DataFrame, stages: Sequence[Stage], reported: pandas.DataFrame, metric: str
) -> str:
    """One trial's score on training and validation over epochs, and its reported runs' score.

    Dotted lines separate stages. `metric`: what the score is, in words.
    """
    figure, axes = panel("epoch", f"{metric} (%)")
    faint = {"color": VERMILION, "alpha": 0.45, "linewidth": 1.0}
    _lines(axes, reported, "seed", label="validation, other seeds", **faint)
    _training_and_validation(axes, curve, "score", 100)
    _separate(axes, stages)
    return svg(figure, axes)


def loss_curve(curve: pandas.DataFrame) -> str:
    """One trial's loss on training and validation over the epochs of one stage."""
    figure, axes = panel("epoch", "loss (nats)")
    _training_and_validation(axes, curve, "loss", 1)
    return svg(figure, axes)


def learning_rate(curve: pandas.DataFrame) -> str:
    """The highest learning rate of any parameter group at the end of each epoch of one trial."""
    figure, axes = panel("epoch", "learning rate")
    axes.plot(curve["epoch"], curve["learning_rate"], "o-", color=BLUE, markersize=4, linewidth=1.6)
    axes.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
    return svg(figure, axes)


def _training_and_validation(
    axes: Axes, curve: pandas.DataFrame, metric: str, factor: float
) -> None:
    """Training dashed, validation solid; a split without values is left out."""
    styles = {"train": ("training", BLUE, "s--"), "validation": ("validation", VERMILION, "o-")}
    for split, (label, colour, style) in styles.items():
        values = factor * curve[f"{split}_{metric}"]
        if values.notna().any():
            axes.plot(
                curve["epoch"],
                values,
                style,
                color=colour,
                markersize=4,
                linewidth=1.6,
                label=label,
            )


def _separate(axes: Axes, stages: Sequence[Stage]) -> None:
    for before, after in pairwise(stages):
        axes.axvline((before.last + after.first) / 2, color=INK, linestyle=":", linewidth=1)


def _lines(axes: Axes, curves: pandas.DataFrame, run: str, **style: object) -> None:
    """A line per run, all of them one path with gaps, which keeps the SVG small.

    `run` is the column that identifies runs. A run of a single epoch is a dot.
    """
    if curves.empty:
        return
    curves = curves.sort_values(run, kind="stable")
    _, starts, lengths = np.unique(curves[run], return_index=True, return_counts=True)
    x = np.insert(curves["epoch"].to_numpy(dtype=float), starts, np.nan)
    y = np.insert(100 * curves["validation_score"].to_numpy(dtype=float), starts, np.nan)
    marker = "o" if lengths.min() == 1 else None
    axes.plot(x, y, marker=marker, markersize=4, **style)  # type: ignore[arg-type]
