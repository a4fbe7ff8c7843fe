"""An encoder with a head: what is trained, evaluated, saved and loaded."""

import copy
import os
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
from trainables.parts.data.tokens import Batch, Tokens, by_length, tokenise
from trainables.parts.model import head as heads
from trainables.parts.model.encoder import Encoder, empty, outlined, read_config, require_known
from trainables.parts.model.head import Head
from trainables.parts.quote import quoted, reason
from trainables.parts.training.step import in_parts

WEIGHTS = "model.safetensors"


class Classifier(nn.Module):
    """Sentences to logits: `head(encoder(batch))`.

    Saved as a Hugging Face folder: `AutoTokenizer` loads its tokenizer, `AutoModel` its encoder,
    `AutoConfig` its `id2label`, and `Classifier.from_pretrained` all of it.
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
        """A fresh head on an encoder; its weights are drawn from torch's global generator."""
        return cls(
            encoder,
            heads.build(config, encoder.width, len(labels)).to(encoder.device),
            config,
            labels,
        )

    def forward(self, batch: Batch) -> Tensor:
        """Logits (B, K)."""
        logits: Tensor = self.head(self.encoder(batch))
        return logits

    def logits(self, tokens: Tokens) -> Tensor:
        """Logits (N, K) of a whole split in its own order, without dropout and gradients."""
        return classify(self.head, vectors(self.encoder, tokens))

    def predict(self, texts: list[str], tokenizer: Any) -> Tensor:
        """Probabilities (N, K) of raw texts; those longer than `max_tokens` are cut, as in
        training."""
        config = self.encoder.transformer.config
        limit = min(self.max_tokens, self.encoder.longest or self.max_tokens)
        tokens, _ = tokenise(texts, [0] * len(texts), tokenizer, limit)
        require_known(config.vocab_size, tokens)
        found = self.logits(tokens).softmax(dim=1)
        if not found.isfinite().all():
            raise ValueError("the model's weights are damaged: its scores are not finite numbers")
        return found

    def save(self, folder: Path, tokenizer: Any) -> None:
        """Write the folder: config.json, model.safetensors, the tokenizer's files."""
        folder.mkdir(parents=True, exist_ok=True)
        config = copy.deepcopy(self.encoder.transformer.config)
        config.id2label = dict(enumerate(self.labels))
        config.label2id = {label: index for index, label in enumerate(self.labels)}
        head = {field.name: getattr(self.config, field.name) for field in fields(Head)}
        # transformers' pipelines fall back on it, where `_foreign_head` has kept them from its own
        # classifier
        config.architectures = None
        config.regimen = {"head": head, "max_tokens": self.max_tokens}
        config.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        prefix = self.encoder.transformer.base_model_prefix
        weights = {
            f"{prefix}.{name}": tensor
            for name, tensor in self.encoder.transformer.state_dict().items()
        }
        weights |= {f"head.{name}": tensor for name, tensor in self.head.state_dict().items()}
        weights |= _foreign_head(config)
        try:
            save_file(
                {name: tensor.contiguous() for name, tensor in weights.items()},
                folder / WEIGHTS,
                metadata={"format": "pt"},
            )
        except SafetensorError as error:  # a full disk, for one
            raise OSError(
                f"{quoted(str(folder / WEIGHTS))} cannot be written: {reason(error)}"
            ) from error
        (folder / WEIGHTS).chmod(
            (folder / "config.json").stat().st_mode & 0o777
        )  # safetensors' own is 0600, whatever the umask

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> Self:
        """Load a folder that `save` wrote. Raises ValueError with one line where it is not one."""
        try:
            if not os.path.isdir(folder):
                raise ValueError("there is no such folder")
            config = read_config(str(folder))
            with outlined(folder):
                cls._empty(config)
            model = cls._empty(config)
            weights = load_file(Path(folder) / WEIGHTS)
            for name, part in {
                "head": model.head,
                model.encoder.transformer.base_model_prefix: model.encoder.transformer,
            }.items():
                part.load_state_dict(
                    {
                        key.removeprefix(f"{name}."): w
                        for key, w in weights.items()
                        if key.startswith(f"{name}.")
                    }
                )
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            raise ValueError(
                f"{quoted(str(folder))} is not a folder that search.train wrote: {reason(error)}"
            ) from error
        return model.eval()

    @classmethod
    def _empty(cls, config: PretrainedConfig) -> Self:
        """A classifier of the shape that a config.json of `save` tells, its weights not filled
        in."""
        ours, names = getattr(config, "regimen", None), config.id2label
        if not isinstance(ours, dict) or not isinstance(ours.get("head"), dict):
            raise ValueError("its config.json has no part of ours with a head")
        if not isinstance(names, dict) or sorted(names) != list(range(len(names))):
            raise ValueError("its config.json has no id2label that numbers the labels from 0 on")
        labels = tuple(checked("a label", names[index], str) for index in range(len(names)))
        if len(set(labels)) < len(labels):
            raise ValueError("its config.json has a label twice")
        model = cls.new(Encoder(empty(config)), Head.from_dict(ours["head"]), labels)
        model.max_tokens = checked("max_tokens", ours.get("max_tokens"), Annotated[int, Range(3)])
        return model


def _foreign_head(config: PretrainedConfig) -> dict[str, Tensor]:
    """An empty tensor under a name that transformers' own classifier of this architecture has.

    Its head is another than ours: `AutoModelForSequenceClassification`, and so
    `pipeline("text-classification")`, would fill it with noise and answer with our labels. By the
    tensor's shape they fail instead; everything else passes over it.
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
    """Each sentence's vector, (N, D) float32 in the split's own order, without dropout; the
    encoder's mode is left as it was."""
    training = encoder.training
    encoder.eval()
    out = torch.empty(len(tokens), encoder.width, device=encoder.device)
    for rows, batch in by_length(tokens):
        out[torch.from_numpy(rows).to(encoder.device)] = in_parts(encoder, batch.to(encoder.device))
    encoder.train(training)
    return out


@torch.inference_mode()
def classify(head: nn.Module, features: Tensor) -> Tensor:
    """Logits (N, K) of vectors (N, D), without dropout; the head's mode is left as it was."""
    training = head.training
    head.eval()
    logits: Tensor = head(features)
    head.train(training)
    return logits
