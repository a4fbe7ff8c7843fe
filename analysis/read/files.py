"""JSON and CSV files, read with their fields checked.

Every problem is a ValueError of one line that names the file.
"""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import pandas

from analysis.text import plain, unguarded

LARGEST_INTEGER = 2**53
"""Integers up to here are exact as floats; nothing in a results folder counts higher."""

T = TypeVar("T")


def read_json(path: Path) -> Any:
    """The content of a JSON file. Raises ValueError for a missing or damaged file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        # Lone surrogates can't be written to any file, so they are replaced here.
        return json.loads(json.dumps(content, ensure_ascii=False).encode("utf-8", "replace"))
    except FileNotFoundError:
        raise ValueError(f"'{path.parent}' has no {path.name}") from None
    except (ValueError, OSError, RecursionError) as error:
        raise ValueError(f"'{path}' is damaged: {plain(str(error))}") from error


def checked_fields(path: Path | str, content: Any, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """`content` if it is a mapping that has these fields, each of its type annotation.

    `path` names the content in error messages. Raises ValueError where a field is missing or of
    another type; other fields are ignored.
    """
    if not isinstance(content, dict):
        raise ValueError(f"'{path}' is damaged: not an object with named fields")
    for name in fields:
        if name not in content:
            raise ValueError(f"'{path}' is damaged: it has no '{name}'")
    typed = {name: _typed(path, name, content[name], kind) for name, kind in fields.items()}
    return {**content, **typed}


def record(path: Path | str, content: Any, kind: type[T]) -> T:
    """A dataclass, built from a mapping with its fields; a field with a default may be missing.

    Raises ValueError as `checked_fields` does.
    """
    names = [
        field.name
        for field in dataclasses.fields(kind)  # type: ignore[arg-type]
        if not isinstance(content, dict)
        or field.name in content
        or (field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING)
    ]
    hints = get_type_hints(kind)
    typed = checked_fields(path, content, {name: hints[name] for name in names})
    return kind(**{name: typed[name] for name in names})


def _typed(path: Path | str, name: str, value: Any, kind: Any) -> Any:
    """`value` as the annotation `kind` has it: lists become tuples, mappings dataclasses."""
    arguments = get_args(kind)
    match get_origin(kind):
        case origin if origin is UnionType:
            if value is None and NoneType in arguments:
                return None
            (kind,) = (argument for argument in arguments if argument is not NoneType)
            return _typed(path, name, value, kind)
        case origin if origin is Literal and value in arguments:
            return value
        case origin if origin is tuple and isinstance(value, list | tuple):
            return tuple(_typed(path, name, item, arguments[0]) for item in value)
        case origin if origin is Mapping and isinstance(value, dict):
            return {key: _typed(path, name, item, arguments[1]) for key, item in value.items()}
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return record(path, value, kind)
    admitted = {float: (int, float)}.get(kind, kind)
    too_large = isinstance(value, int) and abs(value) > LARGEST_INTEGER
    no_bool = isinstance(value, bool) and kind is not bool
    if get_origin(kind) or too_large or no_bool or not isinstance(value, admitted):
        raise ValueError(f"'{path}' is damaged: '{name}' is {value!r:.60}")
    return value


def read_csv(
    path: Path,
    numeric: Sequence[str],
    text: Sequence[str],
    *,
    required: bool,
    translate: Callable[[pandas.DataFrame], pandas.DataFrame] = lambda frame: frame,
) -> pandas.DataFrame:
    """A table with these columns checked; empty where an optional file is missing or has no rows.

    `translate` maps the frame of an earlier version to today's columns before they are checked; its
    cells are still text. Raises ValueError for a damaged or a missing required file.
    """
    empty = pandas.DataFrame(
        {
            **{name: pandas.Series(dtype=float) for name in numeric},
            **{name: pandas.Series(dtype=object) for name in text},
        }
    )
    if not path.exists():
        if required:
            raise ValueError(f"'{path.parent}' has no {path.name}")
        return empty
    try:
        frame = pandas.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
    except (ValueError, OSError) as error:  # pandas' parser errors are ValueErrors
        raise ValueError(f"'{path}' is damaged: {plain(str(error))}") from error
    if frame.empty and numeric[0] in frame:
        return empty
    frame = translate(frame)
    for name in (*numeric, *text):
        if name not in frame:
            raise ValueError(f"'{path}' is damaged: it has no column '{name}'")
    for name in numeric:
        try:
            frame[name] = pandas.to_numeric(frame[name]).astype(float)
        except ValueError as error:
            raise ValueError(
                f"'{path}' is damaged: column '{name}': {plain(str(error))}"
            ) from error
    return frame


def as_written(frame: pandas.DataFrame, *columns: str) -> pandas.DataFrame:
    """The table with these columns' texts as they are in the data, not guarded for a spreadsheet;
    an empty cell is the empty text."""
    texts = {name: frame[name].fillna("").map(unguarded) for name in columns}
    return frame.assign(**texts)


def check_whole_numbers(path: Path, frame: pandas.DataFrame, *columns: str) -> None:
    """Raise ValueError unless these columns hold integers of 0 or more that floats represent."""
    for name in columns:
        if not ((frame[name] % 1 == 0) & frame[name].between(0, LARGEST_INTEGER)).all():
            raise ValueError(
                f"'{path}' is damaged: column '{name}' has a row without a whole number"
            )
