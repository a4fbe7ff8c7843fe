"""A text classifier: an encoder with a head, saved and loaded as a Hugging Face folder."""

import copy
import json
import os
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Self

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PretrainedConfig

from trainables.parts.config import Range, checked
from trainables.parts.data.batches import by_length
from trainables.parts.data.tokens import Batch, Tokens, tokenise
from trainables.parts.memory import in_parts
from trainables.parts.model import head as heads
from trainables.parts.model import modeling_regimen
from trainables.parts.model.architecture import (
    read_config,
    require_similar_size,
    uninitialized,
)
from trainables.parts.model.encoder import Encoder
from trainables.parts.model.head import Head
from trainables.parts.model.model_folder import WEIGHTS, loading, require_finite, weights_file
from trainables.parts.model.pooling import POOLINGS, Pooling
from trainables.parts.model.pretrained import require_valid_ids
from trainables.parts.model.sentence_transformers import sentence_transformers_files
from trainables.parts.model.standard_head import (
    StandardHead,
    from_standard,
    mismatched_weight,
    standard_head,
    to_standard,
)

MODELING = "modeling_regimen.py"
AUTO_CLASS = "AutoModelForSequenceClassification"
OURS = modeling_regimen.RegimenForSequenceClassification


class Classifier(nn.Module):
    """Sentences to logits: `head(encoder(batch))`.

    Saved as a Hugging Face folder. `Classifier.from_pretrained` and
    `AutoModelForSequenceClassification` load the whole classifier, `AutoModel` and
    `SentenceTransformer` its encoder. A head without a standard form needs the file
    `modeling_regimen.py` in the folder, which transformers runs with `trust_remote_code=True` only.
    """

    def __init__(
        self, encoder: Encoder, head: nn.Sequential, config: Head, labels: tuple[str, ...]
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

    @property
    def has_standard_head(self) -> bool:
        """Whether a class of transformers computes the same as this head."""
        return standard_head(self.encoder.transformer.config, self.config) is not None

    def forward(self, batch: Batch) -> Tensor:
        """Logits (B, K)."""
        logits: Tensor = self.head(self.encoder(batch))
        return logits

    def logits(self, tokens: Tokens) -> Tensor:
        """Logits (N, K) of a whole split in its own order, without dropout or gradients."""
        return classify(self.head, vectors(self.encoder, tokens))

    def scale_logits(self, scale: float) -> None:
        """Multiply all logits by `scale`, in the weights of the last layer."""
        last = self.head[-1]
        with torch.no_grad():
            for parameter in last.parameters():
                parameter.mul_(scale)

    def predict(self, texts: list[str], tokenizer: Any) -> Tensor:
        """Probabilities (N, K) of raw texts, truncated to `max_tokens` as in training.

        Raises ValueError if the tokenizer does not fit the model or the scores are not finite.
        """
        tokens, _ = tokenise(texts, [0] * len(texts), tokenizer, self.token_limit)
        require_valid_ids(self.encoder.transformer.config.vocab_size, tokens)
        return require_finite(self.logits(tokens).softmax(dim=1))

    @property
    def token_limit(self) -> int:
        """Tokens after which a text is truncated."""
        return min(self.max_tokens, self.encoder.max_length or self.max_tokens)

    def save(self, folder: Path, tokenizer: Any) -> None:
        """Write config.json, model.safetensors, the tokenizer's files and what others need.

        Raises OSError if the weights cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        config, encoder = self.encoder.transformer.config, self.encoder
        standard = standard_head(config, self.config)
        self._saved_config(standard).save_pretrained(folder)
        tokenizer = copy.deepcopy(tokenizer)
        tokenizer.model_max_length = self.token_limit  # where the pipelines truncate
        tokenizer.save_pretrained(folder)
        extra = sentence_transformers_files(encoder.pooling, encoder.width, self.token_limit)
        for name, content in extra.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        if standard is None:
            code = Path(modeling_regimen.__file__).read_text(encoding="utf-8")
            (folder / MODELING).write_text(code, encoding="utf-8")
        with weights_file(folder) as path:
            save_file(self._saved_weights(standard), path, metadata={"format": "pt"})

    def _saved_config(self, standard: StandardHead | None) -> PretrainedConfig:
        config = copy.deepcopy(self.encoder.transformer.config)
        config.id2label = dict(enumerate(self.labels))
        config.label2id = {label: index for index, label in enumerate(self.labels)}
        config.problem_type = "single_label_classification"
        # A class of transformers here would be the pipelines' second choice after
        # `mismatched_weight` has made the first one fail.
        config.architectures = [standard.name if standard else OURS.__name__]
        modeling = f"{Path(MODELING).stem}.{OURS.__name__}"
        config.auto_map = {} if standard else {AUTO_CLASS: modeling}
        head = {field.name: getattr(self.config, field.name) for field in fields(Head)}
        config.regimen = {"head": head, "max_tokens": self.max_tokens}
        return config

    def _saved_weights(self, standard: StandardHead | None) -> dict[str, Tensor]:
        transformer = self.encoder.transformer
        encoder = _named(transformer.base_model_prefix, transformer)
        if standard:
            return encoder | to_standard(standard, self.config, self.head)
        return encoder | _named("head", self.head) | mismatched_weight(transformer.config)

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> Self:
        """Load a folder that `save` wrote.

        Raises ValueError with one line if it is not such a folder.
        """
        with loading(folder):
            if not os.path.isdir(folder):
                raise ValueError("there is no such folder")
            config = read_config(str(folder))
            require_similar_size(folder, lambda: cls._uninitialized(config))
            model = cls._uninitialized(config)
            model._load_weights(load_file(Path(folder) / WEIGHTS))
        return model.eval()

    @classmethod
    def architecture(cls, folder: str | Path) -> Self:
        """What `from_pretrained` loads, without weights and without memory for them.

        Raises ValueError with one line if it is not such a folder.
        """
        with loading(folder):
            config = read_config(str(folder))
            require_similar_size(folder, lambda: cls._uninitialized(config))
            with torch.device("meta"):
                return cls._uninitialized(config)

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
        _load(transformer, transformer.base_model_prefix, weights)
        standard = standard_head(transformer.config, self.config)
        if standard and not any(name.startswith("head.") for name in weights):
            from_standard(standard, self.config, self.head, weights)
        else:  # also the folder of an earlier version
            _load(self.head, "head", weights)


def _named(prefix: str, module: nn.Module) -> dict[str, Tensor]:
    """A module's weights by their names in the file."""
    state = module.state_dict()
    return {f"{prefix}.{name}": tensor.contiguous() for name, tensor in state.items()}


def _load(module: nn.Module, prefix: str, weights: dict[str, Tensor]) -> None:
    """Load a module's weights by their names in the file, without a pooler's."""
    own = (f"{prefix}.", f"{prefix}.pooler.")
    module.load_state_dict(
        {
            name.removeprefix(own[0]): tensor
            for name, tensor in weights.items()
            if name.startswith(own[0]) and not name.startswith(own[1])
        }
    )


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
