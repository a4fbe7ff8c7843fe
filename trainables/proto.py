"""Prototypes: each intent is a direction, and a sentence belongs to the one nearest by cosine.

A prototype starts as the mean direction of its intent's sentences, with the intent's own words
mixed in. Encoder and prototypes are trained with cross-entropy over cosine / temperature. Sources:
prototypical networks (https://arxiv.org/abs/1703.05175); the names of intents as texts, for few
examples (FastFit, https://arxiv.org/abs/2404.12365); fine-tuned sentence encoders for few examples
(SetFit, https://arxiv.org/abs/2209.11055). Differs from `lp_ft` in the first classifier, which
knows the intents' names, and in the cosine, which is the same for long and short vectors.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from trainables.parts.config import Count, Dropout, Fraction, Rate, Temperature
from trainables.parts.data.batches import MiniBatches
from trainables.parts.data.tokens import Batch, Data
from trainables.parts.model.classifier import Classifier, classify, vectors
from trainables.parts.model.encoder import Encoder
from trainables.parts.model.head import Head
from trainables.parts.model.pooling import Pooling
from trainables.parts.training.cross_entropy import CrossEntropy, cross_entropy
from trainables.parts.training.epoch_metrics import Epoch
from trainables.parts.training.frozen import encoded
from trainables.parts.training.loop import Training, fit
from trainables.parts.training.optim import Rates, parameter_groups
from trainables.parts.training.prototypes import as_linear, cosines, prototypes
from trainables.parts.training.schedule import Shape
from trainables.parts.training.scores import Scores, scores
from trainables.parts.training.step import Objective

EPOCHS = 10


@dataclass(frozen=True, kw_only=True)
class Config(Head, Rates, Training, CrossEntropy):
    """Values in common use for sentence encoders and few examples."""

    prototypes: Literal["learned", "means"] = "learned"
    """learned: weights that start at the prototypes. means: the prototypes themselves, computed
    anew after each epoch from the encoder as it is then."""
    name_weight: Fraction = 0.25
    """Weight of the label's own words in its prototype; its sentences have the rest."""
    temperature: Temperature = 0.1
    """Divisor of the cosines. Sentence encoders are trained with 0.05
    (https://arxiv.org/abs/2104.08821); with five sentences of each label, 0.1 was as good or better
    (LOG.md)."""
    pooling: Pooling = "mean"
    """What makes the sentence vector of the last hidden state: the mean of its tokens, for which
    sentence encoders are trained, or its first token (cls)."""
    dropout: Dropout = 0.1
    """Probability that a unit of the sentence vector is zeroed before the classifier."""
    head_width: Count | None = None
    """Always none: prototypes are one linear layer."""
    batch_size: Count = 16
    """Sentences in a mini-batch. SetFit's."""
    learning_rate: Rate = 1e-4
    """AdamW's peak learning rate of the encoder."""
    head_learning_rate: Rate = 1e-3
    """AdamW's peak learning rate of learned prototypes, which are unit vectors at first."""
    sgd_learning_rate: Rate = 0.03
    """SGD's effective peak learning rate of the encoder. torch's lr is this times
    (1 - momentum)."""
    sgd_head_learning_rate: Rate = 0.03
    """SGD's effective peak learning rate of learned prototypes. torch's lr is this times
    (1 - momentum)."""
    schedule: Shape = "linear"
    """Learning rate after the warm-up."""
    warmup_ratio: Fraction = 0.1
    """Fraction of the steps in which the learning rate rises."""

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "head_width", None)

    @property
    def reads_encoded(self) -> bool:
        """Whether training reads `Data.encoded`."""
        return True


def train(
    config: Config, data: Data, encoder: Encoder, *, epochs: int, seed: int
) -> Generator[Epoch, None, Classifier]:
    """Yield an Epoch after each epoch; return the trained classifier."""
    torch.manual_seed(seed)
    model = Classifier.new(encoder, config, data.labels)
    dropout, linear = model.head
    assert isinstance(linear, nn.Linear)
    learned, temperature = config.prototypes == "learned", config.temperature

    def set_prototypes(sentences: Tensor, targets: Tensor) -> None:
        names = None if data.names is None else vectors(encoder, data.names)
        weights = prototypes(sentences, targets, len(data.labels), names, config.name_weight)
        with torch.no_grad():
            linear.weight.copy_(weights)
            linear.bias.zero_()

    def logits(batch: Batch) -> Tensor:
        weight = linear.weight if learned else linear.weight.detach()
        return cosines(dropout(encoder(batch)), weight, temperature)

    def validate() -> Scores:
        sentences = vectors(encoder, data.judged)
        if not learned:
            set_prototypes(sentences, data.judged.targets)
        judged = as_linear(linear.weight, sentences, temperature)
        return scores(classify(judged, vectors(encoder, data.validation)), data.validation.targets)

    set_prototypes(encoded(encoder, data)[0].vectors, data.train.targets)
    yield from fit(
        model,
        config,
        parameter_groups(
            encoder, model.head, learning_rate=config.lr, head_learning_rate=config.head_lr
        ),
        MiniBatches(data.train, config.batch_size, seed, data.epoch_size),
        Objective(logits, cross_entropy(config, data.train.targets, len(data.labels))),
        validate,
        stage="fine-tune",
        epochs=epochs,
        kept=data.kept,
    )
    trained = as_linear(linear.weight, vectors(encoder, data.judged), temperature)
    linear.load_state_dict(trained.state_dict())
    return model
