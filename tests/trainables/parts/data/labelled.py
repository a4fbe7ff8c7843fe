"""Labelled texts written as files for the tests, and read back."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas
import pytest

from trainables.parts.data import corpus as data
from trainables.parts.data.corpus import Corpus

Row = dict[str, Any]

TRAIN = [
    {"text": f"{word} number {number}", "label": label}
    for number in range(4)
    for word, label in (("hello", "greet"), ("bye", "leave"))
]

OTHER = [{"text": "hello you", "label": "greet"}, {"text": "bye you", "label": "leave"}]


def jsonl(path: Path, rows: Iterable[Any]) -> Path:
    path.write_text(
        "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8"
    )
    return path


def csv(path: Path, rows: Iterable[Row]) -> Path:
    pandas.DataFrame(list(rows)).to_csv(path, index=False)
    return path


def parquet(path: Path, rows: Iterable[Row]) -> Path:
    pandas.DataFrame(list(rows)).to_parquet(path)
    return path


WRITERS: dict[str, Callable[[Path, Iterable[Row]], Path]] = {
    "jsonl": jsonl,
    "csv": csv,
    "parquet": parquet,
}


def folder(path: Path, ending: str = "jsonl", **splits: list[Row]) -> str:
    """Write a data set as a folder and return it as a SOURCE."""
    path.mkdir(exist_ok=True)
    for name, rows in splits.items():
        WRITERS[ending](path / f"{name}.{ending}", rows)
    return str(path)


def refusal(source: object, **options: Any) -> str:
    """The one-line error for a SOURCE that cannot be read."""
    with pytest.raises(ValueError) as error:
        data.read(str(source), **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def rows_of(corpus: Corpus, split: str) -> list[tuple[str, str]]:
    rows = corpus.splits[split]
    return [
        (text, corpus.labels[label]) for text, label in zip(rows.texts, rows.labels, strict=True)
    ]
