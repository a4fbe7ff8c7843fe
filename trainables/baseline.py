"""Fine-tuning: encoder and classifier trained together, one learning rate for both, cosine
annealing.

Source: the paper's section 3.1 and Table 1 (row 2 of Table 7). The regime that the others are
variations of. The paper's scheduler (CosineAnnealing, T_max 10 epochs, eta_min 1e-6) is read as one
half-cosine over all steps of the budget.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal

from trainables.parts.config import Rate
from trainables.parts.data.tokens import Data
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.encoder import Encoder
from trainables.parts.training.epoch import Epoch
from trainables.parts.training.fine_tune import FineTune, fine_tune

EPOCHS = 10


@dataclass(frozen=True, kw_only=True)
class Config(FineTune):
    """Table 1."""

    schedule: Literal["constant", "linear", "cosine"] = "cosine"
    """The learning rate's course over the budget."""
    min_learning_rate: Rate = 1e-6
    """Where the cosine ends: eta_min."""


def train(
    config: Config, data: Data, encoder: Encoder, *, epochs: int, seed: int
) -> Generator[Epoch, None, Classifier]:
    """Yield an Epoch after each epoch; return the trained classifier."""
    return (yield from fine_tune(config, data, encoder, epochs=epochs, seed=seed))
