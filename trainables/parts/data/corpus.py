"""Labelled texts, checked and split into train, validation and test."""

import hashlib
import json
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Unpack

from trainables.parts.data import subsets
from trainables.parts.data.columns import texts_and_labels
from trainables.parts.data.files import Row
from trainables.parts.data.label_names import differing_in_case, require_distinct
from trainables.parts.data.reading import Reading
from trainables.parts.data.sources import rows
from trainables.parts.quote import listed, quoted

SPLITS = ("train", "validation", "test")
MAX_LABELS_SHOWN = 5


@dataclass(frozen=True)
class Split:
    """Texts and, for each, the index of its label."""

    texts: tuple[str, ...]
    labels: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True)
class Corpus:
    """A checked data set."""

    source: str
    train: Split
    validation: Split
    test: Split | None
    labels: tuple[str, ...]
    """Label names: the sorted union over the splits."""
    notes: tuple[str, ...]
    """Warnings about the data, one line each."""
    folds: int | None = None
    """Validation is cross-validation with so many folds, and `validation` are the rows of `train`.
    None: it is a split of its own."""
    out_of_scope: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Texts that have no intent, by their split. No split of the corpus contains them."""

    @property
    def splits(self) -> dict[str, Split]:
        """The existing splits by name."""
        validation = self.validation if self.folds is None else None
        splits = {"train": self.train, "validation": validation, "test": self.test}
        return {name: split for name, split in splits.items() if split is not None}

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits that change with any text, label or split."""
        content = [
            self.labels,
            *((name, split.texts, split.labels) for name, split in self.splits.items()),
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def read(source: str, *, seed: int = 0, **reading: Unpack[Reading]) -> Corpus:
    """Read and check a SOURCE. `seed` decides which rows make a validation split or a limited part.

    Raises ValueError with one line that states the problem and the remedy.
    """
    data = f"data {quoted(source)}"
    texts: dict[str, list[str]] = {}
    names: dict[str, list[str]] = {}
    for split, split_rows in _split_rows(source).items():
        where = f"{data}, split {split}"
        texts[split], names[split] = texts_and_labels(
            split_rows, reading.get("text_column"), reading.get("label_column"), where
        )
    out_of_scope, notes = _take_out(reading.get("oos_label"), texts, names, data)
    labels = tuple(sorted({name for split in names.values() for name in split}))
    if len(labels) < 2:
        raise ValueError(
            f"{data} has one class only ({quoted(labels[0])}); a classifier needs two or more"
        )
    require_distinct(labels, data)
    notes += differing_in_case(labels)
    index = {label: number for number, label in enumerate(labels)}
    splits = {
        name: Split(tuple(texts[name]), tuple(index[label] for label in names[name]))
        for name in texts
    }
    folds, limit, shots = reading.get("folds"), reading.get("limit"), reading.get("shots")
    if folds is not None:
        splits["train"], joined = _without_validation(splits, few_shot=shots is not None)
        notes += joined
    elif "validation" not in splits:
        splits["train"], splits["validation"] = _split_off_validation(splits["train"], seed)
        notes.append(
            f"no validation split: {len(splits['validation'])} rows were cut from train, stratified"
            f" by label, seed {seed}"
        )
    if "test" not in splits:
        notes.append("no test split: nothing is compared with published test scores")
    if limit is not None and limit < len(splits["train"]):
        notes.append(
            f"--limit {limit}: a random part of {len(splits['train']):,} training rows and of the"
            " other splits, stratified by label; scores on so few rows are rough"
        )
        splits = _limited(splits, limit, len(labels), seed)
    if shots is not None:
        train = splits["train"]
        rows_drawn = subsets.few_shot(train.labels, shots, reading.get("shots_seed", 0))
        splits["train"] = _select(train, rows_drawn)
        notes += _few_shot_notes(len(train), splits["train"], labels, shots)
    if folds is not None:
        notes += _fold_notes(splits["train"], labels, folds)
    notes += [*_overlaps(splits), *_untrained_labels(splits["train"], labels)]
    return Corpus(
        source,
        splits["train"],
        splits.get("validation", splits["train"]),
        splits.get("test"),
        labels,
        tuple(notes),
        folds,
        out_of_scope,
    )


def _take_out(
    label: str | None, texts: dict[str, list[str]], names: dict[str, list[str]], data: str
) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """Take the rows of `label` out of the splits; returns their texts by split, and a note.

    A split without other rows is taken out too.
    """
    if label is None:
        return {}, []
    labelled: dict[str, tuple[str, ...]] = {}
    for split in list(texts):
        rows = list(zip(texts[split], names[split]))
        labelled[split] = tuple(text for text, name in rows if name == label)
        texts[split] = [text for text, name in rows if name != label]
        names[split] = [name for _, name in rows if name != label]
        if not texts[split]:
            if split == "train":
                raise ValueError(f"{data}: every train row has --oos-label {quoted(label)}")
            del texts[split], names[split]
    labelled = {split: rows for split, rows in labelled.items() if rows}
    if not labelled:
        shown = sorted({name for split in names.values() for name in split})[:MAX_LABELS_SHOWN]
        raise ValueError(
            f"{data}: no row has --oos-label {quoted(label)}; its labels begin with {listed(shown)}"
        )
    counts = ", ".join(f"{len(rows):,} of {split}" for split, rows in labelled.items())
    return labelled, [
        f"--oos-label {label}: rows kept apart from all splits, {counts}; they only measure the"
        " final model"
    ]


def _split_rows(source: str) -> dict[str, list[Row]]:
    """The rows of the splits that Regimen uses, without empty splits."""
    data = f"data {quoted(source)}"
    splits = {name: split_rows for name, split_rows in rows(source).items() if split_rows}
    if not splits:
        raise ValueError(f"{data} has no rows")
    if "train" not in splits:
        raise ValueError(f"{data} has no train split; found: {listed(splits)}")
    return {name: splits[name] for name in SPLITS if name in splits}


def _split_off_validation(train: Split, seed: int) -> tuple[Split, Split]:
    """Divide train into train and validation."""
    chosen = subsets.validation(train.labels, seed)
    if not chosen:
        raise ValueError(
            "no validation split, and none can be cut from train: each label has one row only"
        )
    rest = sorted(set(range(len(train))) - set(chosen))
    return _select(train, rest), _select(train, chosen)


def _without_validation(splits: dict[str, Split], *, few_shot: bool) -> tuple[Split, list[str]]:
    """Take validation out of `splits`; returns train with its rows, and a note about them.

    A few-shot task does without: with folds it has the rows that it has without.
    """
    train, validation = splits["train"], splits.pop("validation", None)
    if validation is None:
        return train, []
    rows = f"--folds: the {len(validation):,} rows of validation"
    if few_shot:
        return train, [f"{rows} are left out, since --shots draws from train"]
    whole = Split(train.texts + validation.texts, train.labels + validation.labels)
    return whole, [f"{rows} have joined train, after its own {len(train):,}"]


def _fold_notes(train: Split, labels: Sequence[str], folds: int) -> list[str]:
    """What cross-validation will do with train, and which labels are too rare for it.

    Raises ValueError where no label has a sentence for each fold.
    """
    rows = list(zip(train.texts, train.labels))
    first = {normal_form(text): label for text, label in reversed(rows)}
    counts = Counter(first.values())
    most = max(counts.values())
    if folds > most:
        raise ValueError(
            f"--folds {folds} needs a label with {folds} different sentences in train; the most"
            f" that one has is {most}"
        )
    notes = [
        f"--folds {folds}: validation is the {len(train):,} training rows, each classified by a"
        " model that was not trained on it"
    ]
    if len(first) < len(train):
        notes.append(
            f"{len(train) - len(first):,} training rows occur in train before; rows that are alike"
            " are held out together"
        )
    single = [labels[label] for label in sorted(counts) if counts[label] == 1]
    if single:
        notes.append(
            f"{len(single)} of {len(labels)} labels have one sentence, which is always wrong when"
            f" it is held out: {listed(single[:MAX_LABELS_SHOWN])}"
        )
    return notes


def _limited(splits: dict[str, Split], limit: int, labels: int, seed: int) -> dict[str, Split]:
    """`limit` rows of train and the same part of each other split, but a row for each label."""
    if limit < labels:
        raise ValueError(f"--limit must be at least {labels}, a row for each label; got {limit}")
    part = limit / len(splits["train"])
    return {
        name: _select(
            split, subsets.stratified(split.labels, max(labels, round(part * len(split))), seed)
        )
        for name, split in splits.items()
    }


def _few_shot_notes(rows_before: int, train: Split, labels: Sequence[str], shots: int) -> list[str]:
    """What `--shots` left of train, and which labels have fewer rows than asked for."""
    notes = [f"--shots {shots}: {len(train):,} of {rows_before:,} training rows"]
    counts = Counter(train.labels)
    short = [labels[label] for label in sorted(counts) if counts[label] < shots]
    if short:
        notes.append(
            f"{len(short)} of {len(labels)} labels have fewer than {shots} training rows:"
            f" {listed(short[:MAX_LABELS_SHOWN])}"
        )
    return notes


def _select(split: Split, rows: list[int]) -> Split:
    return Split(tuple(split.texts[row] for row in rows), tuple(split.labels[row] for row in rows))


def normal_form(text: str) -> str:
    """A text without case, punctuation and repeated spaces; sentences with one form are alike.

    Symbols such as + and emoji stay, and vowel signs, which are no letters in Unicode. A text of
    nothing but punctuation keeps its characters.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = "".join(" " if unicodedata.category(each)[0] == "P" else each for each in folded)
    return " ".join(kept.split()) or " ".join(text.split())


def _overlaps(splits: dict[str, Split]) -> list[str]:
    """A warning for each pair of splits that have texts in common, by their normal form."""
    texts = {name: Counter(map(normal_form, split.texts)) for name, split in splits.items()}
    notes = []
    for first, second in (("train", "test"), ("train", "validation"), ("validation", "test")):
        if first in texts and second in texts:
            shared = sum(count for text, count in texts[second].items() if text in texts[first])
            if shared:
                notes.append(
                    f"{shared} of {len(splits[second])} {second} rows also occur in {first}; scores"
                    " on those rows are unreliable"
                )
    return notes


def _untrained_labels(train: Split, labels: tuple[str, ...]) -> list[str]:
    """A warning if some labels have no training row."""
    untrained = [labels[label] for label in sorted(set(range(len(labels))) - set(train.labels))]
    if not untrained:
        return []
    return [
        f"{len(untrained)} of {len(labels)} labels have no training row:"
        f" {listed(untrained[:MAX_LABELS_SHOWN])}"
    ]
