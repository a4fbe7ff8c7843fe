"""Fine-tuning: encoder and classifier trained together at one rate, with cosine annealing.

Source: the paper's section 3.1 and Table 1 (row 2 of Table 7). The other fine-tuning regimes are
variations of this one. We read the paper's scheduler (CosineAnnealing, T_max 10 epochs, eta_min
1e-6) as half a cosine over all steps of the budget.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal

from trainables.parts.config import Rate
from trainables.parts.data.tokens import Data
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.encoder import Encoder
from trainables.parts.training.epoch_metrics import Epoch
from trainables.parts.training.fine_tune import FineTune, fine_tune

EPOCHS = 10


@dataclass(frozen=True, kw_only=True)
class Config(FineTune):
    """The paper's Table 1."""

    schedule: Literal["constant", "linear", "cosine"] = "cosine"
    """Learning rate over the budget."""
    min_learning_rate: Rate = 1e-6
    """Learning rate at the end of the cosine (eta_min)."""


def train(
    config: Config, data: Data, encoder: Encoder, *, epochs: int, seed: int
) -> Generator[Epoch, None, Classifier]:
    """Yield an Epoch after each epoch; return the trained classifier."""
    return (yield from fine_tune(config, data, encoder, epochs=epochs, seed=seed))
