"""SimCLR: the encoder pulls two views of one sentence together, without labels; then a classifier
is trained on it, frozen.

Source: the paper's section 3.3, eqs. (2) to (4) and Table 6 (row 7 of Table 7);
https://arxiv.org/abs/2002.05709. Differs from `supcon` in the loss, in SGD with momentum 0.99 and
in larger batches. Table 6 names one optimiser: it serves both stages.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal

from trainables.parts.config import Count, Fraction, Momentum, Rate, Temperature
from trainables.parts.data.tokens import Data
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.encoder import Encoder
from trainables.parts.training.contrastive import Contrastive, two_stages
from trainables.parts.training.epoch import Epoch
from trainables.parts.training.losses import nt_xent

EPOCHS = 13


@dataclass(frozen=True, kw_only=True)
class Config(Contrastive):
    """Table 6."""

    batch_size: Count = 256
    """Sentences in a mini-batch, in both stages; the other sentences of a mini-batch are the
    negatives."""
    optimizer: Literal["adamw", "sgd"] = "sgd"
    """Of both stages."""
    momentum: Momentum = 0.99
    """SGD's."""
    sgd_learning_rate: Rate = 1e-3
    """SGD's effective peak rate of the encoder and the projection: torch's lr is this times (1 -
    momentum), 1e-5 in the paper."""
    sgd_head_learning_rate: Rate = 1.0
    """SGD's effective peak rate of the classifier in its own stage: torch's lr is this times (1 -
    momentum), 1e-2 in the paper."""
    head_epochs: Count = 20
    """Epochs of the classifier stage."""
    temperature: Temperature = 0.5
    """Divides the similarities. The paper gives none; https://arxiv.org/abs/2002.05709 has 0.5 for
    its smaller data set."""
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
            lambda z, labels: nt_xent(z, config.temperature),
            epochs=epochs,
            seed=seed,
        )
    )
