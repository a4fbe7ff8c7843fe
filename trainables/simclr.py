"""SimCLR: the encoder learns without labels to pull two views of a sentence together.

A classifier is then trained on the frozen encoder. Source: the paper's section 3.3, eqs. (2) to (4)
and Table 6 (row 7 of Table 7); https://arxiv.org/abs/2002.05709. Differs from `supcon` in the loss,
in SGD with momentum 0.99 and in larger batches. Table 6 names one optimiser, which we use for both
stages.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal

from trainables.parts.config import Count, Fraction, Momentum, Rate, Temperature
from trainables.parts.data.tokens import Data
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.encoder import Encoder
from trainables.parts.training.contrastive import Contrastive, two_stages
from trainables.parts.training.epoch_metrics import Epoch
from trainables.parts.training.losses import nt_xent

EPOCHS = 13
GRACE = 1


@dataclass(frozen=True, kw_only=True)
class Config(Contrastive):
    """The paper's Table 6."""

    batch_size: Count = 256
    """Sentences in a mini-batch, in both stages; all but a view's own sentence are negatives."""
    optimizer: Literal["adamw", "sgd"] = "sgd"
    """Optimiser of both stages."""
    momentum: Momentum = 0.99
    """SGD's momentum."""
    sgd_learning_rate: Rate = 1e-3
    """SGD's effective peak learning rate of the encoder and the projection. torch's lr is this
    times (1 - momentum): 1e-5 in the paper."""
    sgd_head_learning_rate: Rate = 1.0
    """SGD's effective peak learning rate of the classifier in its own stage. torch's lr is this
    times (1 - momentum): 1e-2 in the paper."""
    head_epochs: Count = 20
    """Epochs of the classifier stage."""
    temperature: Temperature = 0.5
    """Divisor of the similarities. Not in the paper; https://arxiv.org/abs/2002.05709 uses 0.5 for
    its smaller data set."""
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
            lambda z, labels: nt_xent(z, config.temperature),
            epochs=epochs,
            seed=seed,
        )
    )
