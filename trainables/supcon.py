"""Supervised contrastive learning: the encoder pulls sentences of one intent together.

A classifier is then trained on the frozen encoder. Source: the paper's section 3.3, eq. (1) and
Table 5 (row 6 of Table 7); https://arxiv.org/abs/2004.11362. The encoder has layer-wise decay, and
both stages have warm-up and a linear schedule. The paper does not give the dropout, the
temperature, the projection's width or the classifier stage's epochs; the fields' docstrings give
the source of our values.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal

from trainables.parts.config import Count, Dropout, Fraction
from trainables.parts.data.batches import Grouping
from trainables.parts.data.tokens import Data
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.encoder import Encoder
from trainables.parts.training.contrastive import Contrastive, two_stages
from trainables.parts.training.epoch_metrics import Epoch
from trainables.parts.training.losses import supcon

EPOCHS = 10
GRACE = 1


@dataclass(frozen=True, kw_only=True)
class Config(Contrastive, Grouping):
    """The paper's Table 5."""

    dropout: Dropout = 0.1
    """Probability that a unit of the sentence vector is zeroed, for the two views and before the
    classifier. Not in Table 5; this is BERT's own."""
    head_epochs: Count = 20
    """Epochs of the classifier stage. Not in Table 5; this is Table 6's value for SimCLR."""
    schedule: Literal["constant", "linear", "cosine"] = "linear"
    """Learning rate after the warm-up, in each stage."""
    warmup_ratio: Fraction = 0.2
    """Fraction of each stage's steps in which the learning rate rises."""


def train(
    config: Config, data: Data, encoder: Encoder, *, epochs: int, seed: int
) -> Generator[Epoch, None, Classifier]:
    """Yield an Epoch after each epoch of either stage; return the trained classifier."""
    return (
        yield from two_stages(
            config,
            data,
            encoder,
            lambda z, labels: supcon(z, labels.repeat(2), config.temperature),
            epochs=epochs,
            seed=seed,
            sentences_per_label=config.sentences_per_label,
        )
    )
