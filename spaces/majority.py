"""The space of `majority`: there is nothing to search."""

from typing import Any


def space(trial: Any) -> dict[str, Any]:
    """Suggest nothing: `trainables.majority.Config` has one meaning only."""
    return {}
