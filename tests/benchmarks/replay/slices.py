"""The data of the recordings: stratified slices of train and validation, drawn by a fixed seed.

A test split is never opened. The recipe is here and the rows are not: who has the data sets draws
the same slices, which their fingerprint shows.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainables.parts.data.columns import texts_and_labels
from trainables.parts.data.files import read_rows
from trainables.parts.data.sources import EMBEDDED

DATA = ("embedded", "massive-en", "clinc150", "snips")
INTENTS = {"clinc150": 60}
"""Of data sets with more intents, so many are drawn: 600 sentences would show 150 intents four
times each."""
SEED = 0
VALIDATION = 2 / 3
"""Validation sentences for each training sentence."""


@dataclass(frozen=True)
class Labelled:
    """Texts and their labels."""

    texts: Sequence[str]
    labels: Sequence[str]

    def take(self, rows: Sequence[int]) -> "Labelled":
        """The given rows."""
        return Labelled([self.texts[row] for row in rows], [self.labels[row] for row in rows])


def write(data: str, root: Path, sentences: int, folder: Path) -> None:
    """Write the slice of a data set, at most `sentences` of train, into `folder` as .jsonl.

    `data` is `embedded` or a folder below `root`. Raises ValueError for data that cannot be read.
    """
    source = EMBEDDED if data == "embedded" else root / data
    splits = {name: read(source / f"{name}.jsonl") for name in ("train", "validation")}
    intents = drawn_intents(splits["train"].labels, INTENTS.get(data))
    sizes = {"train": sentences, "validation": round(VALIDATION * sentences)}
    folder.mkdir(parents=True)
    for name, split in splits.items():
        own = split.take([row for row, label in enumerate(split.labels) if label in intents])
        chosen = own.take(stratified(own.labels, sizes[name]))
        lines = [
            json.dumps({"text": text, "label": label})
            for text, label in zip(chosen.texts, chosen.labels)
        ]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def read(path: Path) -> Labelled:
    """A split's texts and labels."""
    return Labelled(*texts_and_labels(read_rows(path), None, None, f"'{path}'"))


def drawn_intents(labels: Sequence[str], count: int | None) -> set[str]:
    """So many of the labels, drawn by the seed; None: all."""
    names = sorted(set(labels))
    if count is None:
        return set(names)
    return set(np.random.default_rng(SEED).permutation(names)[:count].tolist())


def stratified(labels: Sequence[str], count: int) -> list[int]:
    """At most `count` rows, in which each label has its share to within one row."""
    order = np.random.default_rng(SEED).permutation(len(labels))
    order = order[np.argsort(np.asarray(labels)[order], kind="stable")]
    places = np.linspace(0, len(order), min(count, len(order)), endpoint=False)
    return sorted(order[places.astype(int)].tolist())
