"""Where a model errs: its predictions on sentences whose labels are known, counted.

Numbers only; `analysis.mistakes.figures` draws them.

`predictions` everywhere is what `read_predictions` gives: a row a sentence and seed, with `seed`,
`row` (which sentence), `text`, `label`, `predicted` and `confidence` (the probability that the
predicted label was given).
"""

from pathlib import Path

import numpy as np
import pandas
from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
from scipy.spatial.distance import squareform

from analysis.intervals import wilson
from analysis.read.files import read_csv, whole

BINS = 10
EXAMPLES = 3
MOST = 20
"""Classes that a matrix or a figure shows: those with the most errors."""


def read_predictions(path: Path) -> pandas.DataFrame:
    """The predictions of a search's winner; an empty frame where there are none.

    Raises ValueError with one line for a damaged file.
    """
    found = read_csv(
        path, ("seed", "row", "confidence"), ("text", "label", "predicted"), needed=False
    )
    whole(path, found, "seed", "row")
    if not found["confidence"].between(0, 1).all():
        raise ValueError(
            f"'{path}' is damaged: column 'confidence' has a row that is not from 0 to 1"
        )
    return found.fillna({"text": "", "label": "", "predicted": ""})


def confusions(predictions: pandas.DataFrame) -> pandas.DataFrame:
    """A row a pair of `label` and wrongly `predicted`, the most frequent first:

    `count` over all seeds, `share` of the label's predictions, and `examples`, the texts that were
    most surely mistaken.
    """
    rows = predictions.groupby("label").size()
    wrong = predictions[predictions["label"] != predictions["predicted"]].sort_values(
        "confidence", ascending=False, kind="stable"
    )
    found = [
        {
            "label": label,
            "predicted": predicted,
            "count": len(pair),
            "share": len(pair) / rows[str(label)],
            "examples": list(dict.fromkeys(pair["text"]))[:EXAMPLES],
        }
        for (label, predicted), pair in wrong.groupby(["label", "predicted"])
    ]
    frame = pandas.DataFrame(found, columns=["label", "predicted", "count", "share", "examples"])
    return frame.sort_values(
        ["count", "label", "predicted"], ascending=[False, True, True], ignore_index=True
    )


def classes(predictions: pandas.DataFrame) -> pandas.DataFrame:
    """A row a `label`, the worst first:

    `accuracy` over seeds, its 95 % interval from `low` to `high`, and `sentences`.

    Wilson's interval for so many sentences: seeds are other models on the same sentences, and make
    no more of them.
    """
    found = []
    for label, own in predictions.groupby("label"):
        accuracy, sentences = float((own["label"] == own["predicted"]).mean()), own["row"].nunique()
        low, high = wilson(accuracy, sentences)
        found.append(
            {"label": label, "accuracy": accuracy, "low": low, "high": high, "sentences": sentences}
        )
    frame = pandas.DataFrame(found, columns=["label", "accuracy", "low", "high", "sentences"])
    return frame.sort_values(
        ["accuracy", "sentences", "label"], ascending=[True, False, True], ignore_index=True
    )


def calibration(predictions: pandas.DataFrame) -> pandas.DataFrame:
    """A row a bin of confidence that has predictions:

    `low`, `high`, mean `confidence`, `accuracy` and `n`.
    """
    right = predictions["label"] == predictions["predicted"]
    bins = (predictions["confidence"] * BINS).astype(int).clip(upper=BINS - 1)
    frame = pandas.DataFrame(
        {"bin": bins, "confidence": predictions["confidence"], "accuracy": right.astype(float)}
    )
    means = (
        frame.groupby("bin")
        .agg(
            confidence=("confidence", "mean"), accuracy=("accuracy", "mean"), n=("accuracy", "size")
        )
        .reset_index()
    )
    return means.assign(low=means["bin"] / BINS, high=(means["bin"] + 1) / BINS)[
        ["low", "high", "confidence", "accuracy", "n"]
    ]


def calibration_error(bins: pandas.DataFrame) -> float:
    """The mean distance of accuracy from confidence over what `calibration` gives, weighted by n:
    the expected calibration error of Guo et al., 2017, https://arxiv.org/abs/1706.04599. It grows a
    little with fewer sentences."""
    return float(
        ((bins["accuracy"] - bins["confidence"]).abs() * bins["n"]).sum() / max(1, bins["n"].sum())
    )


def matrix(predictions: pandas.DataFrame) -> pandas.DataFrame:
    """What became of the sentences of the classes with most errors: a row a label, a column a
    prediction among them, as shares of the label's predictions. In an order in which classes that
    are confused stand beside each other; empty where nothing was confused.
    """
    wrong = predictions[predictions["label"] != predictions["predicted"]]
    involved = pandas.concat([wrong["label"], wrong["predicted"]]).value_counts()
    kept = sorted(sorted(involved.index, key=lambda name: (-involved[name], name))[:MOST])
    shares = pandas.crosstab(predictions["label"], predictions["predicted"], normalize="index")
    found = shares.reindex(index=kept, columns=kept, fill_value=0.0)
    if len(kept) < 3:
        return found
    both = found.to_numpy() + found.to_numpy().T
    distance = 1 - both / max(1.0, both.max())
    np.fill_diagonal(distance, 0.0)
    condensed = squareform(distance, checks=False)
    order = leaves_list(optimal_leaf_ordering(linkage(condensed, "average"), condensed))
    return found.iloc[order, order]
