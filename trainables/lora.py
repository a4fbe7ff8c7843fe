"""Low-rank adapters: the pretrained weights stay, and small matrices beside them are trained.

Each linear layer of the encoder gets the product of two matrices of rank `lora_rank` added to its
weight. The optimiser's state is kept for these and for the classifier only. The trained product is
added to the weights, so the model is as large and as fast as any other. Source:
https://arxiv.org/abs/2106.09685, with adapters on all linear layers
(https://arxiv.org/abs/2305.14314) and without dropout before them. Differs from `warmup` in what is
trained, and in its larger learning rate.
"""

from collections.abc import Generator
from dataclasses import dataclass

from trainables.parts.config import Count, Rate
from trainables.parts.data.tokens import Data
from trainables.parts.model.adapters import add_adapters, merge_adapters
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.encoder import Encoder
from trainables.parts.training.common_practice import CommonPractice
from trainables.parts.training.epoch_metrics import Epoch
from trainables.parts.training.fine_tune import fine_tune

EPOCHS = 10


@dataclass(frozen=True, kw_only=True)
class Config(CommonPractice):
    """Common practice, with adapters of rank 16 and a larger learning rate."""

    lora_rank: Count = 16
    """Rank of the product that is added to the weight of each linear layer."""
    lora_alpha: Count = 32
    """The product is multiplied by this over `lora_rank`."""
    learning_rate: Rate = 1e-3
    """AdamW's peak learning rate of the adapters."""


def train(
    config: Config, data: Data, encoder: Encoder, *, epochs: int, seed: int
) -> Generator[Epoch, None, Classifier]:
    """Yield an Epoch after each epoch; return the trained classifier."""
    add_adapters(encoder, config.lora_rank, config.lora_alpha / config.lora_rank, seed)
    model = yield from fine_tune(config, data, encoder, epochs=epochs, seed=seed)
    merge_adapters(encoder)
    return model
