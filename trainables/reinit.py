"""Re-initialised top layers: the layers nearest the classifier start anew, the others pretrained.

The top layers are the most specialised in the pretraining task. The paper's Q7 and Q11 wished for
it. Source: https://arxiv.org/abs/2006.05987, section 5. Differs from `warmup` in the first weights
of these layers.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal

from trainables.parts.config import Count
from trainables.parts.data.tokens import Data
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.encoder import Encoder
from trainables.parts.model.reinitialisation import draw_top_layers
from trainables.parts.training.common_practice import CommonPractice
from trainables.parts.training.epoch_metrics import Epoch
from trainables.parts.training.fine_tune import fine_tune

EPOCHS = 10


@dataclass(frozen=True, kw_only=True)
class Config(CommonPractice):
    """Common practice, with one layer drawn anew."""

    head_init: Literal["random"] = "random"
    """The classifier's first weights. Always random: a classifier for the pretrained vectors would
    not fit those of new layers."""
    reinit_layers: Count = 1
    """Layers that are drawn anew, counted from the top; all where the encoder has fewer."""


def train(
    config: Config, data: Data, encoder: Encoder, *, epochs: int, seed: int
) -> Generator[Epoch, None, Classifier]:
    """Yield an Epoch after each epoch; return the trained classifier."""
    draw_top_layers(encoder, config.reinit_layers, seed)
    return (yield from fine_tune(config, data, encoder, epochs=epochs, seed=seed))
