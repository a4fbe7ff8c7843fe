"""What is wrong with the data, as far as a search recorded it and its runs agree.

`problems` is what `analysis.read.problems` returns. A run is a row of `predictions` for each
validation sentence, as `analysis.read.predictions` has them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas

from analysis.read.folder import Search
from analysis.read.problems import leaked_rows

MIN_AGREEING_RUNS = 2
"""Runs that must agree before a mistake is the data's rather than the seed's."""
UNSEPARATED_COLUMNS = ["label", "predicted", "least", "sentences", "share", "example"]
MISSED_COLUMNS = ["row", "text", "label", "predicted", "confidence", "runs"]


@dataclass(frozen=True)
class ScoreWithoutLeaks:
    """The winner's mean accuracy on one split, with and without the rows that are in train."""

    split: str
    leaked: int
    sentences: int
    accuracy: float
    without: float
    on_leaked: float


def without_leaks(search: Search) -> list[ScoreWithoutLeaks]:
    """For each split with such rows and recorded answers, unless all its rows are such."""
    scores = []
    for split in ("validation", "test"):
        bits, rows = search.correct.reported(split), leaked_rows(search.problems, split)
        if bits is None or not rows or rows[-1] >= bits.shape[1] or len(rows) == bits.shape[1]:
            continue
        others = np.delete(bits, rows, axis=1)
        scores.append(
            ScoreWithoutLeaks(
                split,
                len(rows),
                bits.shape[1],
                float(bits.mean()),
                float(others.mean()),
                float(bits[:, rows].mean()),
            )
        )
    return scores


def all_predictions(searches: Sequence[Search]) -> pandas.DataFrame:
    """The report runs of all searches on the sentences of the first that has any.

    A column `run` numbers the runs; `regimes` of them are in the attribute of that name.
    """
    known = [search for search in searches if len(search.predictions)]
    if not known:
        return pandas.DataFrame(columns=["run", "row", "text", "label", "predicted", "confidence"])
    texts = _texts(known[0])
    same = [search.predictions for search in known if _texts(search) == texts]
    runs = [
        own.assign(run=f"{number}:{seed:.0f}")
        for number, predictions in enumerate(same)
        for seed, own in predictions.groupby("seed")
    ]
    joined = pandas.concat(runs, ignore_index=True)
    joined.attrs["searches"] = len(same)
    return joined


def _texts(search: Search) -> list[tuple[int, str, str]]:
    rows = search.predictions.drop_duplicates("row").sort_values("row")
    return list(zip(rows["row"].astype(int), rows["text"], rows["label"]))


def unseparated(predictions: pandas.DataFrame) -> pandas.DataFrame:
    """Pairs of classes that every run confuses, the most confused first.

    `least`: how many of the label's `sentences` the best run still takes for `predicted`, also as
    `share`; `example`: a sentence that most runs take for it. Empty for fewer than
    `MIN_AGREEING_RUNS`.
    """
    runs = predictions["run"].nunique()
    if runs < MIN_AGREEING_RUNS:
        return pandas.DataFrame(columns=UNSEPARATED_COLUMNS)
    wrong = predictions[predictions["label"] != predictions["predicted"]]
    sizes = predictions.drop_duplicates("row")["label"].value_counts()
    rows = []
    for (label, predicted), own in wrong.groupby(["label", "predicted"]):
        by_run = own.groupby("run").size()
        if len(by_run) < runs:
            continue
        example = own["text"].value_counts(sort=True).index[0]
        least = int(by_run.min())
        rows.append(
            (label, predicted, least, sizes[str(label)], least / sizes[str(label)], example)
        )
    frame = pandas.DataFrame(rows, columns=UNSEPARATED_COLUMNS)
    return frame.sort_values(
        ["least", "share", "label"], ascending=[False, False, True], ignore_index=True
    )


def missed_by_all(predictions: pandas.DataFrame) -> pandas.DataFrame:
    """Validation sentences that every run takes for the same wrong label, the surest first.

    Their labels may be wrong, or ask for what the text does not say. Empty for fewer than
    `MIN_AGREEING_RUNS`.
    """
    runs = predictions["run"].nunique()
    if runs < MIN_AGREEING_RUNS:
        return pandas.DataFrame(columns=MISSED_COLUMNS)
    sentences = (
        predictions.groupby(["row", "text", "label"])
        .agg(
            answers=("predicted", "nunique"),
            predicted=("predicted", "first"),
            confidence=("confidence", "mean"),
            runs=("run", "nunique"),
        )
        .reset_index()
    )
    same = sentences[(sentences["answers"] == 1) & (sentences["predicted"] != sentences["label"])]
    same = same[same["runs"] == runs].sort_values("confidence", ascending=False)
    return same[MISSED_COLUMNS].reset_index(drop=True)
