"""Rows of a .jsonl, .csv, .tsv or .parquet file."""

import contextlib
import csv
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

from trainables.parts.machine import raise_if_machine_fault
from trainables.parts.quote import error_text, listed, quoted

FORMATS = (".jsonl", ".csv", ".tsv", ".parquet")
DELIMITERS = {",": "a comma", ";": "a semicolon", "\t": "a tab"}
"""What may separate the columns of a .csv or .tsv file."""

Row = dict[str, Any]


def read_rows(path: Path) -> list[Row]:
    """Read the rows of a file.

    CSV values stay text: a label `01` is not the number 1. Raises ValueError with one line for a
    file that cannot be read.
    """
    where, ending = quoted(str(path)), path.suffix.lower()
    if ending not in FORMATS:
        raise ValueError(f"{where} has an unknown format; choose one of: {', '.join(FORMATS)}")
    if not path.is_file():  # reading a pipe or a device may never end
        raise ValueError(f"{where} is not a file")
    if ending == ".parquet":
        return _parquet(path, where)
    content = _content(path, where)
    if ending == ".jsonl":
        return _jsonl(content, where)
    return _csv(content, where, _delimiter(content, "\t" if ending == ".tsv" else ","))


def _parquet(path: Path, where: str) -> list[Row]:
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            table = file.read()
        rows: list[Row] = table.to_pylist()
    except Exception as error:
        raise_if_machine_fault(error)
        # pyarrow raises its own types for a damaged file, and Python's for values that Python
        # cannot represent
        raise ValueError(f"{where} cannot be read: {error_text(error)}") from error
    _require_distinct(table.column_names, where)
    return rows


def _content(path: Path, where: str) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{where} is not UTF-8: byte {error.object[error.start]:#04x} at {error.start}"
        ) from error
    except OSError as error:
        raise_if_machine_fault(error)
        raise ValueError(f"{where} cannot be read: {error_text(error)}") from error


def _delimiter(content: str, usual: str) -> str:
    """What separates the columns: the usual delimiter, unless only another one divides the header.

    A file of labelled texts has two columns at least.
    """
    for delimiter in (usual, *DELIMITERS):
        reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter)
        with contextlib.suppress(csv.Error):
            if len(next(reader, [])) > 1:
                return delimiter
    return usual


def _csv(content: str, where: str, delimiter: str) -> list[Row]:
    csv.field_size_limit(10**9)
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
    try:
        header = next(reader, [])
        rows = [(reader.line_num, cells) for cells in reader if cells]
    except csv.Error as error:
        raise ValueError(
            f"{where} line {reader.line_num} is not CSV: {error_text(error)}"
        ) from error
    _require_distinct(header, where)
    if rows and len(header) == 1:
        raise ValueError(
            f"{where} has one column, {quoted(header[0])}; separate columns by"
            f" {' or '.join(DELIMITERS.values())}"
        )
    for line, cells in rows:
        if len(cells) != len(header):
            raise ValueError(
                f"{where} line {line} has {len(cells)} columns where the header has {len(header)},"
                f" separated by {DELIMITERS[delimiter]}"
            )
    return [dict(zip(header, cells)) for _, cells in rows]


def _jsonl(content: str, where: str) -> list[Row]:
    return [
        _json_row(line, f"{where} line {number}")
        for number, line in enumerate(content.split("\n"), 1)
        if line.strip()
    ]


def _json_row(line: str, where: str) -> Row:
    try:
        row = json.loads(line, object_pairs_hook=_json_object)
    except (ValueError, RecursionError) as error:  # ValueError: also for an integer too long
        raise ValueError(f"{where} is not JSON: {error_text(error)}") from error
    if not isinstance(row, dict):
        raise ValueError(f"{where} is not a JSON object but a {type(row).__name__}")
    return row


def _json_object(pairs: list[tuple[str, Any]]) -> Row:
    _require_distinct([name for name, _ in pairs])
    return dict(pairs)


def _require_distinct(columns: list[str], where: str = "it") -> None:
    if len(set(columns)) < len(columns):
        repeated = [column for column, count in Counter(columns).items() if count > 1]
        raise ValueError(f"{where} has two columns of one name: {listed(repeated)}")
