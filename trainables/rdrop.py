"""R-Drop: every sentence goes through the model twice, and the two predictions are pulled together.

The passes differ by dropout. Source: https://arxiv.org/abs/2106.14448. Differs from the other
fine-tuning regimes in its loss: cross-entropy plus `kl_weight` times the symmetric
Kullback-Leibler divergence between the passes. An epoch costs about two of theirs.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Annotated

from torch import Tensor

from trainables.parts.config import Range
from trainables.parts.data.tokens import Batch, Data
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.encoder import Encoder
from trainables.parts.training import losses
from trainables.parts.training.common_practice import CommonPractice
from trainables.parts.training.cross_entropy import Loss
from trainables.parts.training.epoch_metrics import Epoch
from trainables.parts.training.fine_tune import fine_tune
from trainables.parts.training.step import Objective

EPOCHS = 10


@dataclass(frozen=True, kw_only=True)
class Config(CommonPractice):
    """Common practice, and the source's weight for language understanding."""

    kl_weight: Annotated[float, Range(0, 100)] = 1.0
    """Weight of the divergence between the two passes (alpha); the cross-entropy's is 1."""


def train(
    config: Config, data: Data, encoder: Encoder, *, epochs: int, seed: int
) -> Generator[Epoch, None, Classifier]:
    """Yield an Epoch after each epoch; return the trained classifier."""

    def objective(model: Classifier, loss: Loss) -> Objective:
        def twice(batch: Batch) -> Tensor:
            return model(batch.twice()).unflatten(0, (2, -1)).transpose(0, 1)  # (B, 2, K)

        return Objective(
            twice,
            lambda logits, labels: losses.rdrop(logits, labels, config.kl_weight, loss),
            logits=lambda logits: logits[:, 0],
        )

    return (
        yield from fine_tune(config, data, encoder, epochs=epochs, seed=seed, objective=objective)
    )
