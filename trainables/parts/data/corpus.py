"""Labelled texts, checked and split into train, validation and test."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainables.parts.data.sources import Row, rows
from trainables.parts.data.tokens import replace_surrogates
from trainables.parts.quote import listed, printable, quoted

SPLITS = ("train", "validation", "test")
TEXT_COLUMNS = ("text", "utt", "utterance", "sentence", "query", "question", "content", "input")
LABEL_COLUMNS = ("label_text", "intent", "label_name", "label", "category", "class", "target")
VALIDATION_SHARE = 0.15


@dataclass(frozen=True)
class Split:
    """Texts and the index of each one's label."""

    texts: tuple[str, ...]
    labels: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True)
class Corpus:
    """A checked data set.

    `labels` is the sorted union over the splits; `test` may be missing; `notes` say what was found
    and done.
    """

    source: str
    train: Split
    validation: Split
    test: Split | None
    labels: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def splits(self) -> dict[str, Split]:
        """The splits there are, by name."""
        found = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: split for name, split in found.items() if split is not None}

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits that change with any text, label or split."""
        content = [
            self.labels,
            *((name, split.texts, split.labels) for name, split in self.splits.items()),
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def read(
    source: str, *, text_column: str | None = None, label_column: str | None = None, seed: int = 0
) -> Corpus:
    """Read and check a SOURCE.

    Raises ValueError with one line that says what is wrong and what would do.
    """
    found, notes, named = rows(source), list[str](), f"data {quoted(source)}"
    if not any(found.values()):
        raise ValueError(f"{named} has no rows")
    if not found.get("train"):
        raise ValueError(
            f"{named} has no train split; found: {listed(name for name in found if found[name])}"
        )
    texts: dict[str, list[str]] = {}
    names: dict[str, list[str]] = {}
    for split in [split for split in SPLITS if found.get(split)]:
        where = f"{named}, split {split}"
        text, label = (
            _column(found[split], text_column, TEXT_COLUMNS, "text", where),
            _column(found[split], label_column, LABEL_COLUMNS, "label", where),
        )
        if text == label:
            raise ValueError(
                f"{where}: text and label are one column, {quoted(text)}; name another with"
                " --text-column or --label-column"
            )
        texts[split] = _texts(found[split], text, where)
        names[split] = _texts(found[split], label, where)
    labels = tuple(sorted({name for split in names.values() for name in split}))
    if len(labels) < 2:
        raise ValueError(
            f"{named} has one class only ({quoted(labels[0])}); a classifier needs two or more"
        )
    index = {label: number for number, label in enumerate(labels)}
    splits = {
        name: Split(tuple(texts[name]), tuple(index[label] for label in names[name]))
        for name in texts
    }
    if "validation" not in splits:
        splits["train"], splits["validation"] = _cut_validation(splits["train"], seed)
        notes.append(
            f"no validation split: {len(splits['validation'])} rows were cut from train, stratified"
            f" by label, seed {seed}"
        )
    if "test" not in splits:
        notes.append("no test split: nothing is compared with published test scores")
    notes += _findings(splits, labels)
    return Corpus(
        source, splits["train"], splits["validation"], splits.get("test"), labels, tuple(notes)
    )


def _column(rows: list[Row], named: str | None, usual: Iterable[str], what: str, where: str) -> str:
    columns = list(rows[0])
    if named is not None:
        if named not in columns:
            raise ValueError(
                f"{where}: no {what} column {quoted(named)}; its columns are: {listed(columns)}"
            )
        return named
    found = next((column for column in usual if column in columns), None)
    if found is None:
        raise ValueError(
            f"{where}: no {what} column found by name; name one of {listed(columns)} with"
            f" --{what}-column"
        )
    return found


def _texts(rows: list[Row], column: str, where: str) -> list[str]:
    return [
        _text(row.get(column), f"{where}, row {number}: {printable(column)}")
        for number, row in enumerate(rows, 1)
    ]


def _text(value: Any, where: str) -> str:
    """A cell as text.

    Numbers and truth values are taken as labels are often written; nothing, NaN or blanks are an
    error.
    """
    if isinstance(value, bytes | list | dict | np.ndarray):
        raise ValueError(f"{where} is not text but a {type(value).__name__}")
    text = "" if value is None or (isinstance(value, float) and np.isnan(value)) else str(value)
    if not text.strip():
        raise ValueError(f"{where} is empty")
    return replace_surrogates(text)


def _cut_validation(train: Split, seed: int) -> tuple[Split, Split]:
    """Train and validation out of train:

    `VALIDATION_SHARE` of each label, at least one row of each that has two or more.
    """
    labels = np.asarray(train.labels)
    random = np.random.default_rng(seed)
    chosen: list[int] = []
    for label in np.unique(labels):
        rows = random.permutation(np.flatnonzero(labels == label))
        chosen += rows[
            : max(1, round(VALIDATION_SHARE * len(rows))) if len(rows) > 1 else 0
        ].tolist()
    if not chosen:
        raise ValueError(
            "no validation split, and none can be cut from train: each label has one row only"
        )
    taken = set(chosen)
    kept = [row for row in range(len(train)) if row not in taken]
    return _take(train, kept), _take(train, sorted(chosen))


def _take(split: Split, rows: list[int]) -> Split:
    return Split(tuple(split.texts[row] for row in rows), tuple(split.labels[row] for row in rows))


def _findings(splits: dict[str, Split], labels: tuple[str, ...]) -> list[str]:
    """What a user should know of the data, none of it fatal."""
    notes = []
    texts = {
        name: Counter(_normalised(text) for text in split.texts) for name, split in splits.items()
    }
    for one, other in (("train", "test"), ("train", "validation"), ("validation", "test")):
        if one in texts and other in texts:
            shared = sum(count for text, count in texts[other].items() if text in texts[one])
            if shared:
                notes.append(
                    f"{shared} of {len(splits[other])} {other} rows stand in {one} too; scores on"
                    " those rows say little"
                )
    untrained = [
        labels[label] for label in sorted(set(range(len(labels))) - set(splits["train"].labels))
    ]
    if untrained:
        notes.append(
            f"{len(untrained)} of {len(labels)} labels have no training row:"
            f" {listed(untrained[:5])}"
        )
    return notes


def _normalised(text: str) -> str:
    return " ".join(text.lower().split())
