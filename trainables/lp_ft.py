"""Linear probing, then fine-tuning: the classifier first, then everything at a small rate.

The classifier starts as a ridge regression on the pretrained encoder's vectors, so that the first
gradients distort these vectors less than those of a random classifier do. Source:
https://arxiv.org/abs/2202.10054; for language models https://arxiv.org/abs/2405.16747. Differs from
the other fine-tuning regimes with `head_init="ridge"` in its smaller learning rates: at common ones
the first epoch loses what the ridge regression knew. The source fits the classifier by logistic
regression; ours is in closed form.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal

from trainables.parts.config import Rate
from trainables.parts.data.tokens import Data
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.encoder import Encoder
from trainables.parts.training.common_practice import CommonPractice
from trainables.parts.training.epoch_metrics import Epoch
from trainables.parts.training.fine_tune import fine_tune

EPOCHS = 10


@dataclass(frozen=True, kw_only=True)
class Config(CommonPractice):
    """Common practice, with a third of its learning rates."""

    head_init: Literal["ridge"] = "ridge"
    """The classifier's first weights: a ridge regression on the pretrained encoder's vectors. So
    the classifier is always one linear layer."""
    learning_rate: Rate = 3e-5
    """AdamW's peak learning rate of the encoder."""
    head_learning_rate: Rate = 3e-4
    """AdamW's peak learning rate of the classifier."""
    sgd_learning_rate: Rate = 0.03
    """SGD's effective peak learning rate of the encoder. torch's lr is this times
    (1 - momentum)."""
    sgd_head_learning_rate: Rate = 0.03
    """SGD's effective peak learning rate of the classifier. torch's lr is this times
    (1 - momentum)."""


def train(
    config: Config, data: Data, encoder: Encoder, *, epochs: int, seed: int
) -> Generator[Epoch, None, Classifier]:
    """Yield an Epoch after each epoch; return the trained classifier."""
    return (yield from fine_tune(config, data, encoder, epochs=epochs, seed=seed))
