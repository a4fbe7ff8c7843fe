"""A model's errors on validation, counted from its predictions.

`predictions` is what `analysis.read.predictions` returns: a row per sentence and seed.
"""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas
from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
from scipy.spatial.distance import squareform

from analysis.intervals import wilson
from analysis.read.folder import PREDICTIONS_FILE
from analysis.read.predictions import read_predictions
from analysis.text import counted

CALIBRATION_BINS = 10
EXAMPLES_PER_PAIR = 3
MAX_CLASSES_SHOWN = 20
"""A confusion matrix or a figure shows the classes with the most errors, up to this many."""


def confusions(predictions: pandas.DataFrame) -> pandas.DataFrame:
    """A row per pair of `label` and wrong prediction (`predicted`), most frequent first.

    Columns: `count` over all seeds, `share` of the label's predictions, and `examples`, the texts
    with the most confident mistakes.
    """
    rows = Counter(predictions["label"])
    wrong = predictions[predictions["label"] != predictions["predicted"]].sort_values(
        "confidence", ascending=False, kind="stable"
    )
    texts: dict[tuple[str, str], list[str]] = {}
    for label, predicted, text in zip(wrong["label"], wrong["predicted"], wrong["text"]):
        texts.setdefault((label, predicted), []).append(text)
    pairs = [
        (*pair, len(own), len(own) / rows[pair[0]], list(dict.fromkeys(own))[:EXAMPLES_PER_PAIR])
        for pair, own in texts.items()
    ]
    frame = pandas.DataFrame(pairs, columns=["label", "predicted", "count", "share", "examples"])
    return frame.sort_values(
        ["count", "label", "predicted"], ascending=[False, True, True], ignore_index=True
    )


def most_confused(predictions: pandas.DataFrame) -> str | None:
    """The most frequent confusion with its count in sentences, the mean of the seeds; None without
    an error."""
    mistakes = confusions(predictions)
    if mistakes.empty:
        return None
    label, predicted, count = (mistakes[name].iloc[0] for name in ("label", "predicted", "count"))
    seeds = predictions["seed"].nunique()
    rows = predictions.loc[predictions["label"] == label, "row"].nunique()
    mean = f" (mean of {seeds} seeds)" if seeds > 1 else ""
    wrong = f"{count / seeds:.1f}".removesuffix(".0")
    sentences = counted(rows, "validation sentence")
    return f"'{label}' taken for '{predicted}', {wrong} of its {sentences}{mean}"


def most_confused_in(folder: Path) -> str | None:
    """The same of the winner of the search in `folder`; None where its predictions are missing or
    damaged, of which the report says so."""
    try:
        return most_confused(read_predictions(folder / PREDICTIONS_FILE))
    except ValueError:
        return None


def classes(predictions: pandas.DataFrame) -> pandas.DataFrame:
    """A row per `label`, least accurate first.

    Columns: `accuracy` over all seeds, its 95 % interval from `low` to `high`, and `sentences`. The
    interval is Wilson's for that number of sentences: other seeds are other models on the same
    sentences and add none.
    """
    right = predictions["label"] == predictions["predicted"]
    by_label = (
        predictions.assign(right=right)
        .groupby("label")
        .agg(accuracy=("right", "mean"), sentences=("row", "nunique"))
    )
    rows = [
        (label, accuracy, *wilson(accuracy, sentences), sentences)
        for label, accuracy, sentences in zip(
            by_label.index, by_label["accuracy"], by_label["sentences"]
        )
    ]
    frame = pandas.DataFrame(rows, columns=["label", "accuracy", "low", "high", "sentences"])
    return frame.sort_values(
        ["accuracy", "sentences", "label"], ascending=[True, False, True], ignore_index=True
    )


def calibration(predictions: pandas.DataFrame) -> pandas.DataFrame:
    """A row per non-empty bin of confidence: `low`, `high`, mean `confidence`, `accuracy`, `n`."""
    correct = predictions["label"] == predictions["predicted"]
    confidence = predictions["confidence"]
    bins = (confidence * CALIBRATION_BINS).astype(int).clip(upper=CALIBRATION_BINS - 1)
    frame = pandas.DataFrame(
        {"bin": bins, "confidence": confidence, "accuracy": correct.astype(float)}
    )
    means = (
        frame.groupby("bin")
        .agg(
            confidence=("confidence", "mean"), accuracy=("accuracy", "mean"), n=("accuracy", "size")
        )
        .reset_index()
    )
    means = means.assign(
        low=means["bin"] / CALIBRATION_BINS, high=(means["bin"] + 1) / CALIBRATION_BINS
    )
    return means[["low", "high", "confidence", "accuracy", "n"]]


def calibration_error(bins: pandas.DataFrame) -> float:
    """The expected calibration error, from what `calibration` returns.

    The mean distance of accuracy from confidence over bins, weighted by n: Guo et al., 2017,
    https://arxiv.org/abs/1706.04599. Its bias grows slightly as sentences get fewer.
    """
    distance = (bins["accuracy"] - bins["confidence"]).abs()
    return float((distance * bins["n"]).sum() / max(1, bins["n"].sum()))


def matrix(predictions: pandas.DataFrame) -> pandas.DataFrame:
    """The confusion matrix of the classes with the most errors; empty without errors.

    A row per label and a column per prediction, as fractions of the label's predictions. Classes
    are ordered by hierarchical clustering, so that confused classes are neighbours.
    """
    wrong = predictions[predictions["label"] != predictions["predicted"]]
    errors = pandas.concat([wrong["label"], wrong["predicted"]]).value_counts()
    ranked = sorted(errors.index, key=lambda name: (-errors[name], name))
    shown = sorted(ranked[:MAX_CLASSES_SHOWN])
    fractions = pandas.crosstab(predictions["label"], predictions["predicted"], normalize="index")
    confusion = fractions.reindex(index=shown, columns=shown, fill_value=0.0)
    if len(shown) < 3:
        return confusion
    symmetric = confusion.to_numpy() + confusion.to_numpy().T
    distance = 1 - symmetric / max(1.0, symmetric.max())
    np.fill_diagonal(distance, 0.0)
    condensed = squareform(distance, checks=False)
    order = leaves_list(optimal_leaf_ordering(linkage(condensed, "average"), condensed))
    return confusion.iloc[order, order]
