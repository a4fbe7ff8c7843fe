"""Layer-wise learning-rate decay by groups: each third of the encoder's depth has its own rate.

The paper's Q7 wished for it. Differs from `llrd_warmup` in that the rates of the three groups are
independent of each other. The default factor from a group to the one below it is that of
https://arxiv.org/abs/1801.06146, section 3.2, from a layer to the one below it: 1 / 2.6.
"""

from collections.abc import Generator
from dataclasses import dataclass

from trainables.parts.config import Fraction
from trainables.parts.data.tokens import Data
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.encoder import Encoder
from trainables.parts.training.common_practice import CommonPractice
from trainables.parts.training.epoch_metrics import Epoch
from trainables.parts.training.fine_tune import fine_tune
from trainables.parts.training.optim import thirds

EPOCHS = 10


@dataclass(frozen=True, kw_only=True)
class Config(CommonPractice):
    """Common practice, and rates that fall by 2.6 from group to group."""

    middle_factor: Fraction = 0.385
    """Factor on the encoder's learning rate for the middle third of its layers; the top third has
    the full rate."""
    bottom_factor: Fraction = 0.148
    """Factor on the encoder's learning rate for the bottom third of its layers and the
    embeddings."""


def train(
    config: Config, data: Data, encoder: Encoder, *, epochs: int, seed: int
) -> Generator[Epoch, None, Classifier]:
    """Yield an Epoch after each epoch; return the trained classifier."""
    rates = thirds(config.middle_factor, config.bottom_factor)
    return (
        yield from fine_tune(config, data, encoder, epochs=epochs, seed=seed, layer_factor=rates)
    )
