"""The space of `untuned`: which random classifier is drawn."""

from typing import Any


def space(trial: Any) -> dict[str, Any]:
    """Suggest values for fields of `trainables.untuned.Config`."""
    return {"draw": trial.suggest_int("draw", 1, 10_000)}
