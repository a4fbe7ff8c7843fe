"""MLflow's sqlite file, made whole or not at all."""

import fcntl
import uuid
from collections.abc import Callable
from pathlib import Path


def path_of(uri: str) -> Path | None:
    """The file of an sqlite store; None for another kind of store."""
    return Path(uri.removeprefix("sqlite:///").partition("?")[0]) if uri.startswith("sqlite:///") else None


def make(path: Path, fill: Callable[[str], object]) -> None:
    """Have `fill` make the store at an address beside `path`, and move it there, unless there is one already.

    MLflow takes seconds to make one, a table after the other, and never opens one again that was cut short in this.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        return
    with path.with_name(f".{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            for left in path.parent.glob(f".{path.name}.*.new*"):  # and its journal
                left.unlink()
            beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}.new")  # MLflow keeps a store open by its address
            fill(f"sqlite:///{beside}")
            beside.rename(path)
