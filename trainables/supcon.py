"""Supervised contrastive learning: the encoder pulls sentences of one intent together, then a
classifier is trained on it, frozen.

Source: the paper's section 3.3, eq. (1) and Table 5 (row 6 of Table 7);
https://arxiv.org/abs/2004.11362. Both stages have layer-wise decay, warm-up and a linear schedule.
The paper does not give the dropout, the temperature, the projection's width or the classifier
stage's epochs; the fields say what stands in.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal

from trainables.parts.config import Count, Dropout, Fraction
from trainables.parts.data.tokens import Data
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.encoder import Encoder
from trainables.parts.training.contrastive import Contrastive, two_stages
from trainables.parts.training.epoch import Epoch
from trainables.parts.training.losses import supcon

EPOCHS = 10


@dataclass(frozen=True, kw_only=True)
class Config(Contrastive):
    """Table 5."""

    dropout: Dropout = 0.1
    """Of the sentence vector, which makes the two views, and before the classifier. Table 5 has
    none; BERT's own rate."""
    head_epochs: Count = 20
    """Epochs of the classifier stage. Not in Table 5; as many as Table 6 has for SimCLR."""
    schedule: Literal["constant", "linear", "cosine"] = "linear"
    """After the warm-up, in each stage."""
    warmup_ratio: Fraction = 0.2
    """Fraction of each stage's steps in which the rate rises."""


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
        )
    )
