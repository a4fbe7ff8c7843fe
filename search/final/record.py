"""scores.json, the record of a final training in the model's folder."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trainables.parts.config import Fraction, checked
from trainables.parts.quote import error_text, quoted

SCORES = "scores.json"
DIGESTS = "digests"
"""Key of the SHA-256 of every file that was written into the folder. That of scores.json is of its
other entries."""
RECIPE = "recipe"
"""Key of a digest of the recipe that was trained."""
NOT_THE_RECIPE = ("search_id", "rank", "scores", "versions", "commit")
"""Entries of an export that differ where the same recipe is exported again. Earlier versions wrote
no `search_id`."""


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Write scores.json into a model's folder, with the digests of all files that are there."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    digests = {path.relative_to(folder).as_posix(): file_digest(path) for path in files}
    _write(folder, record, digests)


def add_to_record(folder: Path, entries: Mapping[str, Any], files: Sequence[str]) -> None:
    """Add entries to scores.json, and the digests of files that were added to the folder."""
    record = json.loads((folder / SCORES).read_text(encoding="utf-8"))
    digests = record[DIGESTS] | {name: file_digest(folder / name) for name in files}
    _write(folder, record | dict(entries), digests)


def _write(folder: Path, record: Mapping[str, Any], digests: Mapping[str, str]) -> None:
    from analysis.atomic import write  # A served model, which only reads, comes without it.

    # Through JSON, so that the digest is that of what will be read.
    values: dict[str, Any] = json.loads(json.dumps(dict(record)))
    values[DIGESTS] = {**digests, SCORES: record_digest(values)}
    write(folder / SCORES, json.dumps(values, indent=2) + "\n")


def file_digest(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def record_digest(record: Mapping[str, Any]) -> str:
    """The SHA-256 of the entries of scores.json, but for the digests."""
    return _json_digest({name: value for name, value in record.items() if name != DIGESTS})


def recipe_digest(recipe: Mapping[str, Any]) -> str:
    """The SHA-256 of a recipe: the same for each export of the same configuration of a search."""
    return _json_digest({key: value for key, value in recipe.items() if key not in NOT_THE_RECIPE})


def _json_digest(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def read_threshold(folder: Path) -> float:
    """The threshold that `search.train` found for a model's confidence.

    Raises ValueError with one line where the folder has none.
    """
    try:
        values = json.loads((folder / SCORES).read_text(encoding="utf-8"))
        if "confidence" not in values:
            raise ValueError("an earlier version of search.train wrote it")
        if values["confidence"]["threshold"] is None:
            raise ValueError("none gave the wanted precision on validation")
        threshold: float = checked("the threshold", values["confidence"]["threshold"], Fraction)
        return threshold
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise ValueError(
            f"--min-confidence auto: {quoted(str(folder))} has no threshold ({error_text(error)});"
            " give a number from 0 to 1"
        ) from error
