"""A model folder's ONNX file that classifies texts, without loading the model's own weights."""

from pathlib import Path
from typing import Any, Literal, Self

import torch
from torch import Tensor

from trainables.parts.data.tokens import Tokens, tokenise
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.model_folder import require_finite
from trainables.parts.model.onnx_model import ONNX_FILES, OnnxModel, require_onnx
from trainables.parts.model.pretrained import require_valid_ids
from trainables.parts.quote import error_text, quoted

OnnxPrecision = Literal["fp32", "int8"]


class OnnxClassifier:
    """Texts to probabilities, as `Classifier.predict` gives them up to rounding."""

    def __init__(self, architecture: Classifier, session: OnnxModel) -> None:
        """`architecture`: the classifier that the file was made of; its weights are not used."""
        self.labels = architecture.labels
        self._token_limit = architecture.token_limit
        self._vocabulary_size = architecture.encoder.transformer.config.vocab_size
        self._session = session

    @classmethod
    def from_pretrained(cls, folder: str | Path, precision: OnnxPrecision) -> Self:
        """Load the file of a folder that `search.train --onnx` wrote.

        It runs on as many threads as PyTorch would. Raises ValueError with one line where the
        folder has no such file, or another program wrote it.
        """
        require_onnx("--onnx")
        file = Path(folder) / ONNX_FILES[precision]
        if not file.is_file():
            raise ValueError(
                f"{quoted(str(folder))} has no {ONNX_FILES[precision]}; train with search.train"
                " --onnx, or leave --onnx out"
            )
        architecture = Classifier.architecture(folder)
        try:
            session = OnnxModel(file, torch.get_num_threads())
            intents = session.intents
        except Exception as error:  # ONNX Runtime raises errors of its own
            raise ValueError(
                f"{quoted(str(file))} cannot be loaded: {error_text(error)}"
            ) from error
        if intents != len(architecture.labels):
            raise ValueError(
                f"{quoted(str(file))} gives {intents} scores, and config.json has"
                f" {len(architecture.labels)} labels"
            )
        return cls(architecture, session)

    def predict(self, texts: list[str], tokenizer: Any) -> Tensor:
        """Probabilities (N, K) of raw texts, truncated as in training.

        Raises ValueError if the tokenizer does not fit the model or the scores are not finite.
        """
        tokens, _ = tokenise(texts, [0] * len(texts), tokenizer, self._token_limit)
        require_valid_ids(self._vocabulary_size, tokens)
        return require_finite(self.logits(tokens).softmax(dim=1))

    @torch.inference_mode()
    def logits(self, tokens: Tokens) -> Tensor:
        """Logits (N, K) of a whole split in its own order."""
        return self._session.logits(tokens)
