"""The regimes.

The folder is the registry: `NAME.py` here and `NAME.py` in `spaces/` make the regime NAME.

Each regime module has:

- a docstring: the idea, its source, and what differs from the other regimes;
- `EPOCHS`: the budget of its source; optionally `MAX_EPOCHS`, the largest sensible budget,
  and `GRACE`, the epochs after which trials can be ranked (default: a third of the budget);
- `Config`: a frozen dataclass of hyperparameters, whose defaults are the source's values. For a
  `Classifier` it inherits from `trainables.parts.model.head.Head`, from which a saved one is
  rebuilt;
- optionally `choose(data, encoder, *, seed)`: hyperparameters that it prefers by cross-validation
  on train; and, in a floor, `label_problems(data, encoder, *, seed)`: labels that may be wrong;
- `train(config, data, encoder, *, epochs, seed)`: a generator that yields an `Epoch` after each
  epoch and returns the trained `Classifier`, or another
  `trainables.parts.model.text_classifier.TextClassifier` that Ray can send.
"""

from importlib import import_module
from pathlib import Path
from types import ModuleType


def names() -> list[str]:
    """The names of all regimes, sorted."""
    return sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py"))


def load(name: str) -> ModuleType:
    """Import a regime's module. Raises ValueError for an unknown name."""
    if name not in names():
        raise ValueError(f"unknown regime '{name}'; choose one of: {', '.join(names())}")
    return import_module(f"{__name__}.{name}")
