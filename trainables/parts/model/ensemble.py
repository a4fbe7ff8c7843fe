"""Several classifiers that answer together: the mean of their probabilities."""

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Self

import torch
from torch import Tensor

from trainables.parts.config import Range, checked
from trainables.parts.data.tokens import Tokens, tokenise
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.model_folder import CONFIG, loading, require_finite
from trainables.parts.model.pretrained import require_valid_ids

KIND = "ensemble"
"""The entry of config.json by which such a folder is recognised: the number of members."""
MAX_MEMBERS = 1000


class Ensemble:
    """Texts to logits: `scale * log(mean of the members' probabilities)`.

    It has the methods of `Classifier`. All members read the same tokens and know the same labels.
    """

    def __init__(self, members: Sequence[Classifier], scale: float = 1.0) -> None:
        """Raises ValueError where the members differ in labels or vocabulary."""
        self.members, self.scale = tuple(members), scale
        first = self.members[0]
        self.labels, self.token_limit = first.labels, first.token_limit
        self._config = first.encoder.transformer.config
        for member in self.members:
            if member.labels != self.labels or member.token_limit != self.token_limit:
                raise ValueError("its members differ in labels or in the length of texts")
            if member.encoder.transformer.config.vocab_size != self._config.vocab_size:
                raise ValueError("its members differ in their vocabulary")

    def logits(self, tokens: Tokens) -> Tensor:
        """Logits (N, K) of a whole split in its own order."""
        total = torch.zeros(len(tokens), len(self.labels))
        for member in self.members:
            total += member.logits(tokens).softmax(dim=1).cpu()
        # A label that no member gives any probability has a finite logit, as it would elsewhere.
        mean = (total / len(self.members)).clamp_min(torch.finfo(total.dtype).tiny)
        return self.scale * mean.log()

    def scale_logits(self, scale: float) -> None:
        """Multiply all logits by `scale`."""
        self.scale *= scale

    def predict(self, texts: list[str], tokenizer: Any) -> Tensor:
        """Probabilities (N, K) of raw texts, truncated as in training.

        Raises ValueError if the tokenizer does not fit the model or the scores are not finite.
        """
        tokens, _ = tokenise(texts, [0] * len(texts), tokenizer, self.token_limit)
        require_valid_ids(self._config.vocab_size, tokens)
        return require_finite(self.logits(tokens).softmax(dim=1))

    def save(self, folder: Path, tokenizer: Any) -> None:
        """Write config.json, the tokenizer's files and a model folder for each member.

        Raises OSError if the weights cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        config = copy.deepcopy(self._config)
        config.id2label = dict(enumerate(self.labels))
        config.label2id = {label: index for index, label in enumerate(self.labels)}
        config.architectures = []
        config.regimen = {KIND: len(self.members), "scale": self.scale}
        config.save_pretrained(folder)
        tokenizer = copy.deepcopy(tokenizer)
        tokenizer.model_max_length = self.token_limit
        tokenizer.save_pretrained(folder)
        for name, member in zip(_names(len(self.members)), self.members):
            member.save(folder / name, tokenizer)

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> Self:
        """Load a folder that `save` wrote.

        Raises ValueError with one line if it is not such a folder.
        """
        folder = Path(folder)
        with loading(folder):
            values = json.loads((folder / CONFIG).read_text(encoding="utf-8"))["regimen"]
            count = checked("the number of members", values[KIND], Annotated[int, _MEMBERS])
            scale = checked("scale", values["scale"], float)
            return cls([Classifier.from_pretrained(folder / name) for name in _names(count)], scale)


_MEMBERS = Range(1, MAX_MEMBERS)


def _names(count: int) -> list[str]:
    """The members' folders."""
    return [f"member-{number}" for number in range(1, count + 1)]
