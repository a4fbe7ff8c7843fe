"""The regimes.

The folder is the registry: a file `NAME.py` here, and one of the same name in `spaces/`, is a
regime.

Each regime module has:

- a docstring: the idea, its source, and what differs from the other regimes;
- `EPOCHS`: the budget that its source used; and `MAX_EPOCHS` where a larger one means nothing;
- `Config`: a frozen dataclass of hyperparameters; its defaults are the source's values. It builds on
  `trainables.parts.model.head.Head`, from which a trained classifier is put together again;
- `FROZEN = True` where no part of the encoder is trained: a search then encodes its sentences once
  for all trials (`Data.encoded`);
- `train(config, data, encoder, *, epochs, seed)`: a generator that yields an `Epoch` after each epoch
  and returns the trained `Classifier`.
"""

from importlib import import_module
from pathlib import Path
from types import ModuleType


def names() -> list[str]:
    """The regimes found in this folder, in the order of the alphabet."""
    return sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py"))


def load(name: str) -> ModuleType:
    """The regime's module. Raises ValueError for a name that has no file here."""
    if name not in names():
        raise ValueError(f"unknown regime '{name}'; choose one of: {', '.join(names())}")
    return import_module(f"{__name__}.{name}")
