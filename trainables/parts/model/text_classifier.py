"""What a trained model can do, whatever its kind, and how its folder is loaded."""

import json
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from trainables.parts.data.tokens import Tokens
from trainables.parts.model import ensemble, ngrams
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.ensemble import Ensemble
from trainables.parts.model.ngrams import NgramClassifier

AnyClassifier = Classifier | Ensemble | NgramClassifier


class TextClassifier(Protocol):
    """A trained model: one of `AnyClassifier`."""

    labels: tuple[str, ...]

    def logits(self, tokens: Tokens) -> Tensor:
        """Logits (N, K) of a whole split in its own order."""
        ...

    def scale_logits(self, scale: float) -> None:
        """Multiply all logits by `scale`."""
        ...

    def predict(self, texts: list[str], tokenizer: Any) -> Tensor:
        """Probabilities (N, K) of raw texts."""
        ...

    def save(self, folder: Path, tokenizer: Any) -> None:
        """Write the model to `folder`."""
        ...


def load_folder(folder: str | Path) -> AnyClassifier:
    """The model in a folder that `save` wrote. Raises ValueError with one line for another one."""
    kinds = _kinds(Path(folder))
    if ngrams.KIND in kinds:
        return NgramClassifier.from_pretrained(folder)
    if ensemble.KIND in kinds:
        return Ensemble.from_pretrained(folder)
    return Classifier.from_pretrained(folder)


def _kinds(folder: Path) -> set[str]:
    """The entries of a folder's config.json that are ours; none where it cannot be read."""
    try:
        values = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return set(values["regimen"])
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return set()
