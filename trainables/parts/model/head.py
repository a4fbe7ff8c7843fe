"""The classifier on top of the sentence vector: dropout, a narrow linear layer, a linear layer to
the intents."""

from dataclasses import dataclass
from typing import Literal

from torch import nn

from trainables.parts.config import Count, Dropout, Hyperparameters

ACTIVATIONS = {"none": nn.Identity, "relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh}


@dataclass(frozen=True, kw_only=True)
class Head(Hyperparameters):
    """The classifier's shape."""

    dropout: Dropout = 0.9
    """Probability that a unit of the sentence vector is zeroed before the classifier; the paper's
    Tables 1 and 6."""
    head_width: Count | None = 10
    """Units of the layer between the sentence vector and the intents; none: one linear layer
    only."""
    head_activation: Literal["none", "relu", "gelu", "tanh"] = "relu"
    """Between the two linear layers. The paper does not name one."""


def build(config: Head, width: int, intents: int) -> nn.Sequential:
    """A fresh classifier (B, width) -> (B, intents), its weights drawn from torch's global
    generator."""
    if config.head_width is None:
        return nn.Sequential(nn.Dropout(config.dropout), nn.Linear(width, intents))
    return nn.Sequential(
        nn.Dropout(config.dropout),
        nn.Linear(width, config.head_width),
        ACTIVATIONS[config.head_activation](),
        nn.Linear(config.head_width, intents),
    )
