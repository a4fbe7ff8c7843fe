"""The space of `untuned`: nothing is trained, so only the draw of the random classifier varies."""

from typing import Any


def space(trial: Any) -> dict[str, Any]:
    """Suggest values for fields of `trainables.untuned.Config`."""
    return {"draw": trial.suggest_int("draw", 1, 10_000)}
