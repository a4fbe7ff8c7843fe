"""Layer-wise learning-rate decay: lower layers have smaller learning rates.

The classifier's rate is a hundred times the encoder's. Source: the paper's section 3.2 and Table 2
(row 3 of Table 7); https://arxiv.org/abs/1801.06146 ("discriminative fine-tuning"). Differs from
`baseline` in the learning rate per layer and in a constant schedule.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal

from trainables.parts.config import Fraction, Rate
from trainables.parts.data.tokens import Data
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.encoder import Encoder
from trainables.parts.training.epoch_metrics import Epoch
from trainables.parts.training.fine_tune import FineTune, fine_tune
from trainables.parts.training.optim import decaying

EPOCHS = 10


@dataclass(frozen=True, kw_only=True)
class Config(FineTune):
    """The paper's Table 2."""

    head_learning_rate: Rate = 1e-2
    """AdamW's peak learning rate of the classifier's first linear layer."""
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    """Learning rate after the warm-up."""
    layerwise_decay: Fraction = 0.9
    """Factor on the learning rate from each encoder layer to the one below it."""
    head_decay: Fraction = 0.9
    """Factor on the learning rate from the classifier's first linear layer to its second (1e-2 and
    9e-3 in the paper)."""


def train(
    config: Config, data: Data, encoder: Encoder, *, epochs: int, seed: int
) -> Generator[Epoch, None, Classifier]:
    """Yield an Epoch after each epoch; return the trained classifier."""
    return (
        yield from fine_tune(
            config,
            data,
            encoder,
            epochs=epochs,
            seed=seed,
            layer_factor=decaying(config.layerwise_decay),
            head_decay=config.head_decay,
        )
    )
