"""Nothing is trained: a pretrained encoder under a classifier with random weights, the floor that
every regime must leave.

Source: row 1 of the paper's Table 7. There is one configuration; what varies is the draw of the
random classifier.
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
from trainables.parts.training.epoch import Epoch
from trainables.parts.training.scores import scores

EPOCHS = MAX_EPOCHS = 1
"""One evaluation, whatever budget is asked for."""


@dataclass(frozen=True, kw_only=True)
class Config(Head):
    """The head of Table 1."""

    draw: Count = 1
    """Which random classifier: with the seed, it decides the weights."""
    batch_size: Count = 256
    """Sentences in a batch of the test split: enters only the paper's definition of the loss, which
    fits 256 here."""


def train(
    config: Config, data: Data, encoder: Encoder, *, epochs: int, seed: int
) -> Generator[Epoch, None, Classifier]:
    """Yield the one Epoch there is, whatever the budget; return the classifier as it was drawn."""
    began = time.perf_counter()
    torch.manual_seed(seed * 1_000_003 + config.draw)
    model = Classifier.new(encoder, config, data.labels)
    found = scores(model.logits(data.validation), torch.from_numpy(data.validation.labels.copy()))
    yield Epoch(
        epoch=1,
        stage="untuned",
        train_loss=None,
        train_accuracy=None,
        validation_loss=found.loss,
        validation_accuracy=found.accuracy,
        best_validation_accuracy=found.accuracy,
        learning_rate=0.0,
        steps=0,
        seconds=time.perf_counter() - began,
    )
    return model
