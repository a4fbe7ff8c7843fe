"""Stochastic weight averaging: the mean of the weights over the last part of training.

The paper's Q7 and Q11 wished for it. Source: https://arxiv.org/abs/1803.05407. After each epoch the
averaged weights are judged, kept if they are the best, and exported; before the average begins, the
weights themselves. The source averages once an epoch, we after each step, since our budgets have
few epochs. The schedule is constant after the warm-up, as in the source: weights under a rate that
falls to 0 hardly differ.
"""

from collections.abc import Generator
from dataclasses import dataclass

from trainables.parts.config import Fraction, Part
from trainables.parts.data.tokens import Data
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.encoder import Encoder
from trainables.parts.training.averaging import Averaging
from trainables.parts.training.common_practice import CommonPractice
from trainables.parts.training.epoch_metrics import Epoch
from trainables.parts.training.fine_tune import fine_tune
from trainables.parts.training.schedule import Shape

EPOCHS = 10


@dataclass(frozen=True, kw_only=True)
class Config(CommonPractice):
    """Common practice, and the source's share of the budget."""

    schedule: Shape = "constant"
    """Learning rate after the warm-up."""
    average_from: Part = 0.75
    """Fraction of the steps after which the weights are averaged."""
    average_decay: Fraction = 1.0
    """What the average keeps of itself at each further step, at most. 1: the plain mean of the
    weights after each step. Less: an exponential average that begins as the plain mean."""


def train(
    config: Config, data: Data, encoder: Encoder, *, epochs: int, seed: int
) -> Generator[Epoch, None, Classifier]:
    """Yield an Epoch after each epoch; return the trained classifier."""
    averaging = Averaging(config.average_from, config.average_decay)
    return (
        yield from fine_tune(config, data, encoder, epochs=epochs, seed=seed, averaging=averaging)
    )
