"""How a search last ended, from its journal, without Optuna, which takes seconds to import."""

import json
from pathlib import Path

JOURNAL = "study.journal"
KEY = "ending"
"""The attribute of the study that `search.study.records` writes."""
UNRECORDED = ""
"""The ending of a search of an early version, which did not record it."""


def last_ending(folder: Path) -> str | None:
    """The name of the `Ending` that was recorded last; None while a search runs or was killed."""
    path = folder / JOURNAL
    lines = path.read_bytes().splitlines() if path.exists() else []
    for line in reversed(lines):
        if f'"{KEY}"'.encode() not in line:
            continue
        attributes = json.loads(line).get("user_attr", {})
        if KEY in attributes:
            value: str | None = attributes[KEY]
            return value
    return UNRECORDED
