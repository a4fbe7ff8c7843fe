"""The classifier's head: from the encoder's last hidden state to the intents."""

from dataclasses import dataclass
from typing import Literal

from torch import nn

from trainables.parts.config import Count, Dropout, Hyperparameters
from trainables.parts.model.pooling import Pooling

ACTIVATIONS = {"none": nn.Identity, "relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh}


@dataclass(frozen=True, kw_only=True)
class Head(Hyperparameters):
    """The hyperparameters of the head."""

    pooling: Pooling = "cls"
    """What makes the sentence vector of the last hidden state: its first token (cls, as in the
    paper), or the mean of its tokens, for which sentence encoders such as MiniLM are trained."""
    dropout: Dropout = 0.9
    """Probability that a unit of the sentence vector is zeroed before the classifier. From the
    paper's Tables 1 and 6."""
    head_width: Count | None = 10
    """Units of a hidden layer in the classifier; none: a single linear layer."""
    head_activation: Literal["none", "relu", "gelu", "tanh"] = "relu"
    """Activation between the classifier's two linear layers. Not in the paper."""


def build(config: Head, width: int, intents: int) -> nn.Sequential:
    """A new head (B, width) -> (B, intents), initialised from torch's global generator."""
    if config.head_width is None:
        return nn.Sequential(nn.Dropout(config.dropout), nn.Linear(width, intents))
    return nn.Sequential(
        nn.Dropout(config.dropout),
        nn.Linear(width, config.head_width),
        ACTIVATIONS[config.head_activation](),
        nn.Linear(config.head_width, intents),
    )
