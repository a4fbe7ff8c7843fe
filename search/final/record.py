"""scores.json, the record of a final training in the model's folder."""

import json
from pathlib import Path

from trainables.parts.config import Fraction, checked
from trainables.parts.quote import quoted, reason

SCORES = "scores.json"


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
            f"--min-confidence auto: {quoted(str(folder))} has no threshold ({reason(error)}); give"
            " a number from 0 to 1"
        ) from error
