"""Linear probing: only the classifier is trained, on the frozen pretrained encoder.

Not in the paper; see https://arxiv.org/abs/1610.01644. It is the cheapest regime that learns, and
the mark that the contrastive regimes' first stage must beat. Sentences are encoded once, so an
epoch takes milliseconds.
"""

from collections.abc import Generator
from dataclasses import dataclass

import torch

from trainables.parts.config import Count, Dropout, Rate
from trainables.parts.data.tokens import Data
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.encoder import Encoder
from trainables.parts.model.head import Head
from trainables.parts.training.epoch import Epoch
from trainables.parts.training.frozen import fit_head
from trainables.parts.training.loop import Training
from trainables.parts.training.optim import HeadRate

EPOCHS = 20


@dataclass(frozen=True, kw_only=True)
class Config(Head, HeadRate, Training):
    """Values in common use, since the paper has no such regime."""

    dropout: Dropout = 0.1
    """Probability that a unit of the sentence vector is zeroed before the classifier."""
    head_width: Count | None = None
    """Units of a hidden layer in the classifier; none: a single linear layer."""
    batch_size: Count = 64
    """Sentences in a mini-batch."""
    head_learning_rate: Rate = 1e-2
    """AdamW's peak learning rate of the classifier."""

    @property
    def reads_encoded(self) -> bool:
        """Always: the encoder stays as it is."""
        return True


def train(
    config: Config, data: Data, encoder: Encoder, *, epochs: int, seed: int
) -> Generator[Epoch, None, Classifier]:
    """Yield an Epoch after each epoch; return the trained classifier."""
    torch.manual_seed(seed)
    model = Classifier.new(encoder, config, data.labels)
    yield from fit_head(
        model,
        config,
        data,
        batch_size=config.batch_size,
        learning_rate=config.head_lr,
        epochs=epochs,
        seed=seed,
        pretrained=True,
    )
    return model
