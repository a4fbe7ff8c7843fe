"""Layer-wise learning-rate decay with warm-up: the paper's best regime.

Source: the paper's section 3.2 and Table 4 (row 5 of Table 7, 88.2 %). Differs from `llrd` in the
schedule, which is that of `warmup`, and in one rate for both linear layers of the classifier.
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
    """The paper's Table 4."""

    head_learning_rate: Rate = 1e-2
    """AdamW's peak learning rate of the classifier."""
    layerwise_decay: Fraction = 0.9
    """Factor on the learning rate from each encoder layer to the one below it."""
    schedule: Literal["constant", "linear", "cosine"] = "linear"
    """Learning rate after the warm-up."""
    warmup_ratio: Fraction = 0.2
    """Fraction of the steps in which the learning rate rises."""


def train(
    config: Config, data: Data, encoder: Encoder, *, epochs: int, seed: int
) -> Generator[Epoch, None, Classifier]:
    """Yield an Epoch after each epoch; return the trained classifier."""
    rates = decaying(config.layerwise_decay)
    return (
        yield from fine_tune(config, data, encoder, epochs=epochs, seed=seed, layer_factor=rates)
    )
