"""Shapes of the learning rate over time: fine-tuning with more of them to choose from.

The paper's Q7 wished for other warm-ups and decays. Beside those of the other regimes: the inverse
square root (https://arxiv.org/abs/1706.03762, section 5.3), cosine restarts
(https://arxiv.org/abs/1608.03983), which is how the paper's text describes its "periodically
resetting" rate, and one cycle (https://arxiv.org/abs/1708.07120). Momentum does not cycle.
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
from trainables.parts.training.schedule import Shape

EPOCHS = 10


@dataclass(frozen=True, kw_only=True)
class Config(CommonPractice):
    """Common practice under one cycle, which rises for torch's default share of the steps."""

    schedule: Shape = "one_cycle"
    warmup_ratio: Fraction = 0.3
    """Fraction of the steps in which the learning rate rises: torch's default for one cycle."""


def train(
    config: Config, data: Data, encoder: Encoder, *, epochs: int, seed: int
) -> Generator[Epoch, None, Classifier]:
    """Yield an Epoch after each epoch; return the trained classifier."""
    return (yield from fine_tune(config, data, encoder, epochs=epochs, seed=seed))
