"""Searches as they are asked for, for tests that start none."""

from pathlib import Path
from typing import Any

from search.spec import SearchSpec


def spec(**values: Any) -> SearchSpec:
    """A search of `baseline` on the packaged data and model, but for `values`."""
    return SearchSpec(**{"regime": "baseline", "data": "embedded", "model": "minilm", **values})


def spec_in(folder: Path, **values: Any) -> SearchSpec:
    """A search of `llrd` with a name and an empty folder of its own in `folder`."""
    given = {"regime": "llrd", "name": "s", "results": str(folder), "epochs": 9, "trials": 30}
    made = spec(**{**given, **values})
    made.folder.mkdir(parents=True, exist_ok=True)
    return made
