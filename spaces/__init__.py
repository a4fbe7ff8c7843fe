"""The search spaces, one file per regime, under the regime's name.

A space is a function `space(trial) -> dict` in Optuna's define-by-run style: it suggests values and
returns them by name. Each name is a field of the regime's `Config`; omitted fields keep their
defaults. Conditional parameters are plain `if` statements. A space may also have `POINTS`:
configurations in common use, or known to be good, which a search tries right after the paper's own.
"""

from importlib import import_module
from pathlib import Path
from types import ModuleType


def names() -> list[str]:
    """The regimes that have a space, sorted."""
    return sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py"))


def load(name: str) -> ModuleType:
    """Import the module of a regime's space. Raises ValueError for an unknown name."""
    if name not in names():
        raise ValueError(f"regime '{name}' has no space; spaces exist for: {', '.join(names())}")
    return import_module(f"{__name__}.{name}")
