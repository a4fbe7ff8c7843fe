"""A text classifier: an encoder with a head, saved and loaded as a Hugging Face folder."""

import copy
import os
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Self

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import (
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
    AutoModelForSequenceClassification,
    PretrainedConfig,
)
from transformers.initialization import no_init_weights

from trainables.parts.config import Range, checked
from trainables.parts.data.batches import by_length
from trainables.parts.data.tokens import Batch, Tokens, tokenise
from trainables.parts.memory import in_parts
from trainables.parts.model import head as heads
from trainables.parts.model.architecture import (
    read_config,
    require_similar_size,
    uninitialized,
)
from trainables.parts.model.encoder import Encoder
from trainables.parts.model.head import Head
from trainables.parts.model.pooling import POOLINGS, Pooling
from trainables.parts.model.pretrained import require_valid_ids
from trainables.parts.quote import quoted, reason

WEIGHTS = "model.safetensors"


class Classifier(nn.Module):
    """Sentences to logits: `head(encoder(batch))`.

    Saved as a Hugging Face folder: `AutoTokenizer` loads its tokenizer, `AutoModel` its encoder,
    `AutoConfig` its `id2label`, and `Classifier.from_pretrained` the whole classifier.
    """

    def __init__(
        self, encoder: Encoder, head: nn.Module, config: Head, labels: tuple[str, ...]
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head
        self.config = config
        self.labels = labels
        self.max_tokens = 64

    @classmethod
    def new(cls, encoder: Encoder, config: Head, labels: tuple[str, ...]) -> Self:
        """A classifier with a new head, initialised from torch's global generator.

        The encoder pools as the head's `config` says.
        """
        encoder.pooling = config.pooling
        head = heads.build(config, encoder.width, len(labels)).to(encoder.device)
        return cls(encoder, head, config, labels)

    def forward(self, batch: Batch) -> Tensor:
        """Logits (B, K)."""
        logits: Tensor = self.head(self.encoder(batch))
        return logits

    def logits(self, tokens: Tokens) -> Tensor:
        """Logits (N, K) of a whole split in its own order, without dropout or gradients."""
        return classify(self.head, vectors(self.encoder, tokens))

    def predict(self, texts: list[str], tokenizer: Any) -> Tensor:
        """Probabilities (N, K) of raw texts, truncated to `max_tokens` as in training.

        Raises ValueError if the tokenizer does not fit the model or the scores are not finite.
        """
        config = self.encoder.transformer.config
        limit = min(self.max_tokens, self.encoder.max_length or self.max_tokens)
        tokens, _ = tokenise(texts, [0] * len(texts), tokenizer, limit)
        require_valid_ids(config.vocab_size, tokens)
        probabilities = self.logits(tokens).softmax(dim=1)
        if not probabilities.isfinite().all():
            raise ValueError("the model's weights are damaged: its scores are not finite numbers")
        return probabilities

    def save(self, folder: Path, tokenizer: Any) -> None:
        """Write config.json, model.safetensors and the tokenizer's files to `folder`.

        Raises OSError if the weights cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        config = self._saved_config()
        config.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        weights = self._saved_weights() | _mismatched_weight(config)
        try:
            save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
        except SafetensorError as error:  # for example on a full disk
            raise OSError(
                f"{quoted(str(folder / WEIGHTS))} cannot be written: {reason(error)}"
            ) from error
        # safetensors writes with mode 0600 whatever the umask
        (folder / WEIGHTS).chmod((folder / "config.json").stat().st_mode & 0o777)

    def _saved_config(self) -> PretrainedConfig:
        config = copy.deepcopy(self.encoder.transformer.config)
        config.id2label = dict(enumerate(self.labels))
        config.label2id = {label: index for index, label in enumerate(self.labels)}
        # transformers' pipelines would fall back on this class once `_mismatched_weight` has
        # rejected their own classifier
        config.architectures = None
        head = {field.name: getattr(self.config, field.name) for field in fields(Head)}
        config.regimen = {"head": head, "max_tokens": self.max_tokens}
        return config

    def _saved_weights(self) -> dict[str, Tensor]:
        parts = {self.encoder.transformer.base_model_prefix: self.encoder.transformer}
        parts["head"] = self.head
        return {
            f"{prefix}.{name}": tensor.contiguous()
            for prefix, module in parts.items()
            for name, tensor in module.state_dict().items()
        }

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> Self:
        """Load a folder that `save` wrote.

        Raises ValueError with one line if it is not such a folder.
        """
        try:
            if not os.path.isdir(folder):
                raise ValueError("there is no such folder")
            config = read_config(str(folder))
            require_similar_size(folder, lambda: cls._uninitialized(config))
            model = cls._uninitialized(config)
            model._load_weights(load_file(Path(folder) / WEIGHTS))
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            raise ValueError(
                f"{quoted(str(folder))} is not a folder that search.train wrote: {reason(error)}"
            ) from error
        return model.eval()

    @classmethod
    def _uninitialized(cls, config: PretrainedConfig) -> Self:
        """A classifier of the architecture in a config.json that `save` wrote, without weights."""
        saved, names = getattr(config, "regimen", None), config.id2label
        if not isinstance(saved, dict) or not isinstance(saved.get("head"), dict):
            raise ValueError("its config.json has no 'regimen' entry with a head")
        if not isinstance(names, dict) or sorted(names) != list(range(len(names))):
            raise ValueError("its config.json has no id2label that numbers the labels from 0 on")
        labels = tuple(checked("a label", names[index], str) for index in range(len(names)))
        if len(set(labels)) < len(labels):
            raise ValueError("its config.json has a label twice")
        head = Head.from_dict(saved["head"])
        model = cls.new(Encoder(uninitialized(config)), head, labels)
        model.max_tokens = checked("max_tokens", saved.get("max_tokens"), Annotated[int, Range(3)])
        return model

    def _load_weights(self, weights: dict[str, Tensor]) -> None:
        transformer = self.encoder.transformer
        for prefix, module in (
            ("head.", self.head),
            (f"{transformer.base_model_prefix}.", transformer),
        ):
            module.load_state_dict(
                {
                    name.removeprefix(prefix): tensor
                    for name, tensor in weights.items()
                    if name.startswith(prefix)
                }
            )


def _mismatched_weight(config: PretrainedConfig) -> dict[str, Tensor]:
    """An empty tensor named as a weight of transformers' own classifier of this architecture.

    That classifier has another head than ours: `AutoModelForSequenceClassification`, and so
    `pipeline("text-classification")`, would initialise it at random and answer with our labels. The
    shape mismatch makes them fail instead. All other loaders ignore the tensor.
    """
    if type(config) not in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING:
        return {}
    with torch.device("meta"), no_init_weights():
        other = AutoModelForSequenceClassification.from_config(config, trust_remote_code=False)
    ours = (f"{other.base_model_prefix}.", "head.")
    theirs = [name for name, _ in other.named_parameters() if not name.startswith(ours)]
    return {theirs[-1]: torch.empty(0)} if theirs else {}


@torch.inference_mode()
def vectors(encoder: Encoder, tokens: Tokens) -> Tensor:
    """Sentence vectors (N, D) float32 in the split's own order, without dropout.

    Leaves the encoder's training mode as it was.
    """
    return _evaluate(encoder, tokens, encoder, encoder.width)


@torch.inference_mode()
def vectors_by_pooling(encoder: Encoder, tokens: Tokens) -> dict[Pooling, Tensor]:
    """As `vectors`, by each pooling, in one pass."""
    out = _evaluate(encoder, tokens, encoder.every_pooling, len(POOLINGS), encoder.width)
    return {pooling: out[:, index].contiguous() for index, pooling in enumerate(POOLINGS)}


def _evaluate(
    encoder: Encoder, tokens: Tokens, forward: Callable[[Batch], Tensor], *shape: int
) -> Tensor:
    """The outputs of `forward` for all sentences (N, *shape), in the split's own order."""
    training = encoder.training
    encoder.eval()
    out = torch.empty(len(tokens), *shape, device=encoder.device)
    for rows, batch in by_length(tokens):
        out[torch.from_numpy(rows).to(encoder.device)] = in_parts(forward, batch.to(encoder.device))
    encoder.train(training)
    return out


@torch.inference_mode()
def classify(head: nn.Module, features: Tensor) -> Tensor:
    """Logits (N, K) of sentence vectors (N, D), without dropout.

    Leaves the head's training mode as it was.
    """
    training = head.training
    head.eval()
    logits: Tensor = head(features)
    head.train(training)
    return logits
