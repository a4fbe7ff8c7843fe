"""No training: a random classifier on the pretrained encoder, as a lower bound.

Source: row 1 of the paper's Table 7. Only the random classifier varies.
"""

import time
from collections.abc import Generator
from dataclasses import dataclass

import torch

from trainables.parts.config import Count
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
    """The head of the paper's Table 1."""

    draw: Count = 1
    """Number of the random classifier; with the seed, it determines the weights."""
    batch_size: Count = 256
    """Sentences in a batch of the test split, used only by the paper's definition of the loss. The
    published loss fits 256."""


def train(
    config: Config, data: Data, encoder: Encoder, *, epochs: int, seed: int
) -> Generator[Epoch, None, Classifier]:
    """Yield a single Epoch, whatever the budget; return the untrained classifier."""
    began = time.perf_counter()
    torch.manual_seed(seed * 1_000_003 + config.draw)
    model = Classifier.new(encoder, config, data.labels)
    validation = scores(model.logits(data.validation), data.validation.targets)
    yield Epoch.closed_form("untuned", validation, time.perf_counter() - began)
    return model
