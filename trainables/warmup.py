"""Warm-up: the learning rate rises linearly for a fifth of the steps, then falls linearly to zero.

Source: the paper's section 3.2 and Table 3 (row 4 of Table 7). The text gives a peak of 1e-5, the
table 1e-4; the table's is the default, and the search range includes both. Differs from `baseline`
in the schedule only.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal

from trainables.parts.config import Fraction
from trainables.parts.data.tokens import Data
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.encoder import Encoder
from trainables.parts.training.epoch_metrics import Epoch
from trainables.parts.training.fine_tune import FineTune, fine_tune

EPOCHS = 10


@dataclass(frozen=True, kw_only=True)
class Config(FineTune):
    """The paper's Table 3."""

    schedule: Literal["constant", "linear", "cosine"] = "linear"
    """Learning rate after the warm-up."""
    warmup_ratio: Fraction = 0.2
    """Fraction of the steps in which the learning rate rises: 2 epochs of 10."""


def train(
    config: Config, data: Data, encoder: Encoder, *, epochs: int, seed: int
) -> Generator[Epoch, None, Classifier]:
    """Yield an Epoch after each epoch; return the trained classifier."""
    return (yield from fine_tune(config, data, encoder, epochs=epochs, seed=seed))
