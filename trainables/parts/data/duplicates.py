"""Sentences that occur again: in another split, or with another label."""

from collections import defaultdict
from collections.abc import Mapping
from itertools import combinations
from typing import NamedTuple

from trainables.parts.data.corpus import Split, normal_form

MAX_CONFLICTS = 200
"""Pairs of sentences with different labels that are reported."""


class Place(NamedTuple):
    """A sentence of a data set."""

    split: str
    row: int


def leaks(splits: Mapping[str, Split]) -> list[tuple[Place, Place]]:
    """The sentences of validation and test that are in train too, each with the first such."""
    first: dict[str, int] = {}
    for row, text in enumerate(splits["train"].texts):
        first.setdefault(normal_form(text), row)
    return [
        (Place(name, row), Place("train", first[form]))
        for name, split in splits.items()
        if name != "train"
        for row, text in enumerate(split.texts)
        if (form := normal_form(text)) in first
    ]


def conflicts(splits: Mapping[str, Split]) -> list[tuple[Place, Place]]:
    """Pairs of sentences of train and validation that are alike and differ in their label.

    A sentence is paired with the first of each other label.
    """
    alike: defaultdict[str, dict[int, Place]] = defaultdict(dict)
    for name, split in splits.items():
        if name == "test":
            continue
        for row, (text, label) in enumerate(zip(split.texts, split.labels)):
            alike[normal_form(text)].setdefault(label, Place(name, row))
    pairs = [pair for places in alike.values() for pair in combinations(places.values(), 2)]
    return pairs[:MAX_CONFLICTS]
