"""A head in the form of transformers' own classifier, where that computes the same.

Most of its classes have two linear layers with a fixed activation between them, on the first token:
`last(activation(first(x)))`, with `first` (D, D) and `last` (K, D). A narrower head fits exactly,
padded with zeros, where its activation is theirs. A head without an activation fits where theirs is
tanh: scaled down by a power of two, its values pass tanh unchanged but for float32's own rounding.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import (
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
    AutoModelForSequenceClassification,
    PretrainedConfig,
)
from transformers.initialization import no_init_weights

from trainables.parts.model.head import Head

LINEAR_IN_TANH = 2.0**-14
"""The scale: tanh(x) = x - x^3 / 3 + ..., and for |x| < 8 / 2^14 the second term is below 1e-7 of
the first."""


@dataclass(frozen=True)
class StandardHead:
    """One of transformers' classes for text classification."""

    name: str
    first: str
    """Its first linear layer (D, D), by name."""
    activation: str
    last: str
    """Its last linear layer (K, D)."""


ROBERTA_HEAD = ("classifier.dense", "tanh", "classifier.out_proj")
STANDARD_HEADS = {
    "bert": StandardHead(
        "BertForSequenceClassification", "bert.pooler.dense", "tanh", "classifier"
    ),
    "albert": StandardHead(
        "AlbertForSequenceClassification", "albert.pooler", "tanh", "classifier"
    ),
    "roberta": StandardHead("RobertaForSequenceClassification", *ROBERTA_HEAD),
    "xlm-roberta": StandardHead("XLMRobertaForSequenceClassification", *ROBERTA_HEAD),
    "camembert": StandardHead("CamembertForSequenceClassification", *ROBERTA_HEAD),
    "mpnet": StandardHead("MPNetForSequenceClassification", *ROBERTA_HEAD),
    "electra": StandardHead(
        "ElectraForSequenceClassification", "classifier.dense", "gelu", "classifier.out_proj"
    ),
    "distilbert": StandardHead(
        "DistilBertForSequenceClassification", "pre_classifier", "relu", "classifier"
    ),
}
"""By the `model_type` of config.json."""


def standard_head(config: PretrainedConfig, head: Head) -> StandardHead | None:
    """The class that computes what this head does; None if there is none."""
    standard = STANDARD_HEADS.get(config.model_type)
    if standard is None or head.pooling != "cls" or (head.head_width or 1) > config.hidden_size:
        return None
    activations = {
        standard.activation,
        "none" if standard.activation == "tanh" else standard.activation,
    }
    return standard if _activation(head) in activations else None


def to_standard(form: StandardHead, config: Head, head: nn.Sequential) -> dict[str, Tensor]:
    """The weights of that class, by name, from our head's."""
    *first, last = (layer for layer in head if isinstance(layer, nn.Linear))
    intents, narrow = last.weight.shape
    width = first[0].in_features if first else narrow
    scale = _scale(config)
    zeros = last.weight.new_zeros
    first_weight, first_bias, last_weight = zeros(width, width), zeros(width), zeros(intents, width)
    first_weight[:narrow] = scale * (
        first[0].weight.detach() if first else torch.eye(width, device=last.weight.device)
    )
    if first:
        first_bias[:narrow] = scale * first[0].bias.detach()
    last_weight[:, :narrow] = last.weight.detach() / scale
    return {
        f"{form.first}.weight": first_weight,
        f"{form.first}.bias": first_bias,
        f"{form.last}.weight": last_weight,
        f"{form.last}.bias": last.bias.detach(),
    }


def from_standard(
    form: StandardHead, config: Head, head: nn.Sequential, weights: dict[str, Tensor]
) -> None:
    """Load into our head the weights that `to_standard` gave, to the last bit.

    Raises ValueError where one is missing or has another shape.
    """
    for name, expected in to_standard(form, config, head).items():
        if name not in weights or weights[name].shape != expected.shape:
            raise ValueError(f"its weights lack a {name} of shape {tuple(expected.shape)}")
    *first, last = (layer for layer in head if isinstance(layer, nn.Linear))
    narrow, scale = last.in_features, _scale(config)
    with torch.no_grad():
        for layer in first:
            layer.weight.copy_(weights[f"{form.first}.weight"][:narrow] / scale)
            layer.bias.copy_(weights[f"{form.first}.bias"][:narrow] / scale)
        last.weight.copy_(weights[f"{form.last}.weight"][:, :narrow] * scale)
        last.bias.copy_(weights[f"{form.last}.bias"])


def mismatched_weight(config: PretrainedConfig) -> dict[str, Tensor]:
    """An empty tensor named as a weight of transformers' own classifier of this architecture.

    For a head that has no standard form. `AutoModelForSequenceClassification`, and so
    `pipeline("text-classification")`, would initialise its own head at random and answer with our
    labels. The shape mismatch makes them fail instead. All other loaders ignore the tensor.
    """
    if type(config) not in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING:
        return {}
    with torch.device("meta"), no_init_weights():
        other = AutoModelForSequenceClassification.from_config(config, trust_remote_code=False)
    ours = (f"{other.base_model_prefix}.", "head.")
    theirs = [name for name, _ in other.named_parameters() if not name.startswith(ours)]
    return {theirs[-1]: torch.empty(0)} if theirs else {}


def _activation(head: Head) -> str:
    return "none" if head.head_width is None else head.head_activation


def _scale(head: Head) -> float:
    """What the first layer is multiplied by, and the last divided by."""
    return LINEAR_IN_TANH if _activation(head) == "none" else 1.0
