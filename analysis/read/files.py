"""JSON and CSV files, read with their fields checked: whatever is wrong is a ValueError of one line
that names the file."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas

LARGEST = 2**53


def read_json(path: Path) -> Any:
    """What the file holds."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return json.loads(
            json.dumps(found, ensure_ascii=False).encode("utf-8", "replace")
        )  # without halves of characters
    except FileNotFoundError:
        raise ValueError(f"'{path.parent}' has no {path.name}") from None
    except (ValueError, OSError, RecursionError) as error:
        raise ValueError(f"'{path}' is damaged: {_line(error)}") from error


def checked(path: Path, found: Any, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """`found` if it is an object that has these fields with values of these types; else
    ValueError."""
    if not isinstance(found, dict):
        raise ValueError(f"'{path}' is damaged: not an object with named fields")
    for name, kind in fields.items():
        if name not in found:
            raise ValueError(f"'{path}' is damaged: it has no '{name}'")
        value = found[name]
        kinds = kind if isinstance(kind, tuple) else (kind,)
        huge = (
            isinstance(value, int) and abs(value) > LARGEST
        )  # no float, and no count of anything here
        if huge or not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise ValueError(f"'{path}' is damaged: '{name}' is {value!r:.60}")
    return found


def read_csv(
    path: Path, numeric: Sequence[str], text: Sequence[str], *, needed: bool
) -> pandas.DataFrame:
    """The table with these columns checked; an empty one where the file is missing and not needed,
    or has no rows."""
    empty = pandas.DataFrame(
        {
            **{name: pandas.Series(dtype=float) for name in numeric},
            **{name: pandas.Series(dtype=object) for name in text},
        }
    )
    if not path.exists():
        if needed:
            raise ValueError(f"'{path.parent}' has no {path.name}")
        return empty
    try:
        frame = pandas.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
    except (ValueError, OSError) as error:  # pandas' parser errors are ValueErrors
        raise ValueError(f"'{path}' is damaged: {_line(error)}") from error
    if frame.empty and numeric[0] in frame:
        return empty
    for name in (*numeric, *text):
        if name not in frame:
            raise ValueError(f"'{path}' is damaged: it has no column '{name}'")
    for name in numeric:
        try:
            frame[name] = pandas.to_numeric(frame[name]).astype(float)
        except ValueError as error:
            raise ValueError(f"'{path}' is damaged: column '{name}': {_line(error)}") from error
    return frame


def whole(path: Path, frame: pandas.DataFrame, *columns: str) -> None:
    """Refuse a column that counts and has anything but whole numbers, 0 or more, that floats have
    exactly."""
    for name in columns:
        if not ((frame[name] % 1 == 0) & frame[name].between(0, LARGEST)).all():
            raise ValueError(
                f"'{path}' is damaged: column '{name}' has a row without a whole number"
            )


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())
