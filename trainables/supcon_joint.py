"""Cross-entropy and supervised contrast in one stage: the classifier learns with the encoder.

Source: https://arxiv.org/abs/2011.01403. The loss is (1 - `contrastive_weight`) times the
cross-entropy plus `contrastive_weight` times the supervised contrastive loss of the sentence
vectors, without projection and with one view of each sentence. Differs from `supcon` in its single
stage. A sentence without another of its intent in the mini-batch adds to the cross-entropy only, so
`sentences_per_label` or large mini-batches can help where intents are many.
"""

from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch import Tensor

from trainables.parts.config import Count, Fraction, Temperature
from trainables.parts.data.batches import Grouping
from trainables.parts.data.tokens import Batch, Data
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.encoder import Encoder
from trainables.parts.training.common_practice import CommonPractice
from trainables.parts.training.cross_entropy import Loss
from trainables.parts.training.epoch_metrics import Epoch
from trainables.parts.training.fine_tune import fine_tune
from trainables.parts.training.losses import supcon
from trainables.parts.training.step import Objective

EPOCHS = 10


@dataclass(frozen=True, kw_only=True)
class Config(CommonPractice, Grouping):
    """Common practice in larger mini-batches, and the source's weight and temperature."""

    batch_size: Count = 64
    """Sentences in a mini-batch. The source has 16, for two to six classes."""
    contrastive_weight: Fraction = 0.9
    """Weight of the contrastive loss (lambda); the cross-entropy has the rest. The source's best
    for few examples."""
    temperature: Temperature = 0.3
    """Divisor of the similarities. The source's best."""


def train(
    config: Config, data: Data, encoder: Encoder, *, epochs: int, seed: int
) -> Generator[Epoch, None, Classifier]:
    """Yield an Epoch after each epoch; return the trained classifier."""
    intents, weight = len(data.labels), config.contrastive_weight

    def objective(model: Classifier, cross_entropy: Loss) -> Objective:
        def logits_and_vectors(batch: Batch) -> Tensor:
            vectors = encoder(batch)
            return torch.cat([model.head(vectors), vectors], dim=1)  # (B, K + D)

        def loss(outputs: Tensor, labels: Tensor) -> Tensor:
            logits, vectors = outputs[:, :intents], outputs[:, intents:]
            contrast = supcon(vectors, labels, config.temperature)
            return (1 - weight) * cross_entropy(logits, labels) + weight * contrast

        return Objective(logits_and_vectors, loss, logits=lambda outputs: outputs[:, :intents])

    return (
        yield from fine_tune(
            config,
            data,
            encoder,
            epochs=epochs,
            seed=seed,
            objective=objective,
            sentences_per_label=config.sentences_per_label,
        )
    )
