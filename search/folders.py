"""Where searches are: the results folder, and in it a folder for each search under its name."""

import argparse
import contextlib
import re
from pathlib import Path
from typing import Any

from trainables.parts.quote import error_text, listed, quoted

SPEC_FILE = "spec.json"
"""The file in a search's folder that says what was asked for."""
MAX_LISTED = 10
"""Searches that an error names."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def add_results_flag(parser: argparse.ArgumentParser) -> None:
    """The flag of commands about searches that are there already."""
    parser.add_argument(
        "--results",
        default="results",
        metavar="DIR",
        help="Folder that holds the searches (default: results)",
    )


def results_folder(results: str) -> Path:
    """The folder that holds a folder for each search, absolute; it need not exist yet.

    Raises ValueError where the path cannot be a folder.
    """
    try:
        path = Path(results).expanduser().resolve()
        fits = bool(results) and (path.is_dir() or not path.exists())
    except (OSError, RuntimeError, ValueError) as error:
        # a name that the file system refuses, or `~` of an unknown user
        raise ValueError(
            f"results must be a folder; got {quoted(results)}: {error_text(error)}"
        ) from error
    require(fits, "results", "a folder", results)
    return path


def folder_of(results: str, name: str) -> Path:
    """The folder of the search with that name.

    Raises ValueError for an invalid name, such as a path that leads elsewhere.
    """
    return results_folder(results) / valid_name(name)


def existing_folder(results: str, name: str) -> Path:
    """The folder of a search that has begun.

    Raises ValueError with the names of those that there are, where it has no spec.json.
    """
    folder = folder_of(results, name)
    if not (folder / SPEC_FILE).exists():
        where = quoted(str(folder.parent))
        others = names(folder.parent)
        instead = "it holds none"
        if others:
            more = f" and {len(others) - MAX_LISTED} more" if len(others) > MAX_LISTED else ""
            instead = f"there are, the newest first: {listed(others[:MAX_LISTED])}{more}"
        raise ValueError(f"no search {quoted(name)} in {where}; {instead}")
    return folder


def is_taken(folder: Path) -> bool:
    """Whether a search's folder already holds something.

    Hidden files do not count: a search that was killed at its start leaves only those.
    """
    if not folder.is_dir():
        return folder.exists()
    return any(not path.name.startswith(".") for path in folder.iterdir())


def require_free(folder: Path, results: str) -> None:
    """Raise ValueError where a new search cannot have this folder. `results`: the `--results` flag
    of its command."""
    if is_taken(folder):
        raise ValueError(
            f"'{folder}' exists already; choose another --name, or continue that search with"
            f" --resume {folder.name}{results}"
        )


def names(results: Path) -> list[str]:
    """The names of the searches in a results folder, the last begun first."""
    begun: dict[str, float] = {}
    with contextlib.suppress(OSError):
        for spec in sorted(results.glob(f"*/{SPEC_FILE}")):
            with contextlib.suppress(FileNotFoundError):  # It was removed meanwhile.
                begun[spec.parent.name] = spec.stat().st_mtime
    return sorted(begun, key=lambda name: -begun[name])


def valid_name(name: str) -> str:
    """The name of a search, unchanged. Raises ValueError where it is invalid."""
    valid = NAME.fullmatch(name) is not None
    require(valid, "name", "1 to 80 letters, digits, '.', '_' and '-'", name)
    return name


def require(holds: bool, name: str, rule: str, value: Any) -> None:
    """Raise ValueError with rule and value where the rule does not hold."""
    if not holds:
        raise ValueError(f"{name} must be {rule}; got {quoted(value)}")
