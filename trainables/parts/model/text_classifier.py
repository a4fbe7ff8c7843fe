"""What a trained model can do, whatever its kind, and how its folder is loaded."""

import json
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from trainables.parts.data.tokens import Tokens
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.ngrams import CONFIG, KIND, NgramClassifier


class TextClassifier(Protocol):
    """A trained model: `Classifier` or `NgramClassifier`."""

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


def load_folder(folder: str | Path) -> Classifier | NgramClassifier:
    """The model in a folder that `save` wrote. Raises ValueError with one line for another one."""
    kind = NgramClassifier if _has_ngrams(Path(folder)) else Classifier
    return kind.from_pretrained(folder)


def _has_ngrams(folder: Path) -> bool:
    try:
        values = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        return KIND in values["regimen"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return False
