"""data_problems.csv: what a user should look at in the data before searching on.

Four kinds: `leak`, a row of validation or test that is in train too; `conflict`, two equal texts
with different labels; `near`, two texts with different labels and similar vectors, by the frozen
encoder; `doubt`, a label that a classifier on these vectors finds unlikely. Of a test row only its
number is written, neither its label nor any prediction.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from analysis.text import cell, guarded
from search.study.records import Record
from trainables.parts.data.corpus import Corpus, normal_form
from trainables.parts.data.duplicates import Place, conflicts, leaks

PROBLEM_COLUMNS = (
    "problem",
    "split",
    "row",
    "text",
    "label",
    "probability",
    "other_split",
    "other_row",
    "other_text",
    "other_label",
    "other_probability",
    "similarity",
)


def problem_rows(corpus: Corpus, floors: Mapping[str, Record]) -> list[dict[str, Any]]:
    """A row per problem. `floors`: as they are recorded, with what one of them found in labels."""
    rows = [_pair(corpus, "leak", *pair) for pair in leaks(corpus.splits)]
    rows += [_pair(corpus, "conflict", *pair) for pair in conflicts(corpus.splits)]
    for record in floors.values():
        rows += _near(corpus, record.get("near_duplicates", ()))
        rows += [_doubt(corpus, doubt) for doubt in record.get("doubts", ())]
    return rows


def _near(corpus: Corpus, pairs: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Near duplicates, without those that are conflicts by their text."""
    rows = []
    for pair in pairs:
        place = Place(pair["split"], pair["row"])
        other = Place(pair["other_split"], pair["other_row"])
        texts = {normal_form(corpus.splits[each.split].texts[each.row]) for each in (place, other)}
        if len(texts) == 2:
            near = _pair(corpus, "near", place, other)
            rows.append({**near, "similarity": pair["similarity"]})
    return rows


def _pair(corpus: Corpus, problem: str, place: Place, other: Place) -> dict[str, Any]:
    return {
        "problem": problem,
        "split": place.split,
        "row": place.row,
        **_content(corpus, place),
        "other_split": other.split,
        "other_row": other.row,
        **{f"other_{name}": value for name, value in _content(corpus, other).items()},
    }


def _doubt(corpus: Corpus, doubt: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "problem": "doubt",
        "split": doubt["split"],
        "row": doubt["row"],
        **_content(corpus, Place(doubt["split"], doubt["row"])),
        "probability": doubt["given_probability"],
        "other_label": guarded(corpus.labels[doubt["suggested"]]),
        "other_probability": doubt["suggested_probability"],
    }


def _content(corpus: Corpus, place: Place) -> dict[str, str]:
    """Text and label of a row; nothing of the test split."""
    if place.split == "test":
        return {}
    split = corpus.splits[place.split]
    return {
        "text": cell(split.texts[place.row]),
        "label": guarded(corpus.labels[split.labels[place.row]]),
    }
