"""How the rows of a data source are read: by which columns, and how many."""

from collections.abc import Mapping
from typing import Any, TypedDict


class Reading(TypedDict, total=False):
    """How a source is read. Together with the source it determines a corpus."""

    text_column: str | None
    """The column that holds the text. None: detected by its name."""
    label_column: str | None
    oos_label: str | None
    """The label of texts that have no intent. They are kept apart from all splits."""
    limit: int | None
    """Only so many rows of train, and the same part of the other splits."""
    shots: int | None
    """Only so many training rows of each label. Validation and test stay whole."""
    shots_seed: int
    """Random seed for drawing those rows. 0 where it is missing."""
    folds: int | None
    """Cross-validation on train with so many folds, instead of a validation split."""


def reading_from(values: Mapping[str, Any]) -> Reading:
    """Those of `values` that say how data is read; what is missing or None has its default."""
    known = {name: values[name] for name in Reading.__annotations__ if values.get(name) is not None}
    return Reading(**known)  # type: ignore[typeddict-item]
