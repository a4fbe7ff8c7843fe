"""The most frequent label for every sentence: what a model must beat to have learned anything.

Its probabilities are the labels' frequencies in train, with one more row of each label.
"""

import time
from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch import nn

from trainables.parts.config import Count, Dropout
from trainables.parts.data.tokens import Data
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.encoder import Encoder
from trainables.parts.model.head import Head
from trainables.parts.training.epoch_metrics import Epoch
from trainables.parts.training.scores import scores

EPOCHS = MAX_EPOCHS = 1
"""A single evaluation, whatever the budget."""


@dataclass(frozen=True, kw_only=True)
class Config(Head):
    """A linear layer; nothing is searched."""

    dropout: Dropout = 0.0
    """Without effect: the sentence vector is not read."""
    head_width: Count | None = None
    """Always none: the classifier is a single linear layer."""

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "head_width", None)


def train(
    config: Config, data: Data, encoder: Encoder, *, epochs: int, seed: int
) -> Generator[Epoch, None, Classifier]:
    """Yield a single Epoch, whatever the budget; return the classifier."""
    began = time.perf_counter()
    model = Classifier.new(encoder, config, data.labels)
    targets = data.validation.targets
    rows = torch.bincount(data.train.targets, minlength=len(data.labels)) + 1.0
    logits = (rows / rows.sum()).log()
    (linear,) = (module for module in model.head.modules() if isinstance(module, nn.Linear))
    with torch.no_grad():
        linear.weight.zero_()
        linear.bias.copy_(logits)
    validation = scores(logits.expand(len(targets), -1), targets)
    yield Epoch.closed_form("classifier", validation, time.perf_counter() - began)
    return model
