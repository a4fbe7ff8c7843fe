"""The text and label columns of a split: chosen by name, and checked cell by cell."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from trainables.parts.data.files import Row
from trainables.parts.data.label_names import require_showable
from trainables.parts.data.text import replace_surrogates
from trainables.parts.quote import listed, printable, quoted

TEXT_COLUMNS = ("text", "utt", "utterance", "sentence", "query", "question", "content", "input")
LABEL_COLUMNS = ("label_text", "intent", "label_name", "label", "category", "class", "target")


def texts_and_labels(
    rows: list[Row], text_column: str | None, label_column: str | None, where: str
) -> tuple[list[str], list[str]]:
    """The texts and the label names of `rows`; without a given column, by the usual names.

    Raises ValueError for a column that is missing or used twice, and for a cell that is not text.
    """
    text = _column(rows, text_column, TEXT_COLUMNS, "text", where)
    label = _column(rows, label_column, LABEL_COLUMNS, "label", where)
    if text == label:
        raise ValueError(
            f"{where}: text and label are one column, {quoted(text)}; name another with"
            " --text-column or --label-column"
        )
    texts = [replace_surrogates(cell) for cell, _ in _cells(rows, text, where)]
    return texts, [require_showable(cell, at) for cell, at in _cells(rows, label, where)]


def _column(rows: list[Row], named: str | None, usual: Iterable[str], kind: str, where: str) -> str:
    columns = list(rows[0])
    if named is not None:
        if named not in columns:
            raise ValueError(
                f"{where}: no {kind} column {quoted(named)}; its columns are: {listed(columns)}"
            )
        return named
    for name in usual:
        if name in columns:
            return name
    raise ValueError(
        f"{where}: no {kind} column found by name; name one of {listed(columns)} with"
        f" --{kind}-column"
    )


def _cells(rows: list[Row], column: str, where: str) -> Iterator[tuple[str, str]]:
    """Each cell as text, and where it is."""
    for number, row in enumerate(rows, 1):
        at = f"{where}, row {number}: {printable(column)}"
        yield _text(row.get(column), at), at


def _text(value: Any, where: str) -> str:
    """A cell as text.

    Accepts numbers and booleans, which labels often are. Raises ValueError for an empty cell, NaN
    and nested values.
    """
    if isinstance(value, bytes | list | dict | np.ndarray):
        raise ValueError(f"{where} is not text but a {type(value).__name__}")
    text = "" if value is None or (isinstance(value, float) and np.isnan(value)) else str(value)
    if not text.strip():
        raise ValueError(f"{where} is empty")
    return text
