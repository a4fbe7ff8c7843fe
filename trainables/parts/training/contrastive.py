"""Train the encoder on pairs of views, then a classifier on the frozen encoder.

Rows 6 and 7 of the paper's Table 7.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from trainables.parts.config import Count, Fraction, Temperature
from trainables.parts.data.batches import MiniBatches
from trainables.parts.data.tokens import Batch, Data
from trainables.parts.model.classifier import Classifier, vectors
from trainables.parts.model.encoder import Encoder
from trainables.parts.model.head import Head
from trainables.parts.training.cross_entropy import CrossEntropy, cross_entropy
from trainables.parts.training.epoch_metrics import Epoch
from trainables.parts.training.frozen import fit_head, solve_head
from trainables.parts.training.loop import Training, fit
from trainables.parts.training.optim import Rates, decaying, parameter_groups
from trainables.parts.training.ridge import ridge
from trainables.parts.training.scores import Scores
from trainables.parts.training.step import Objective


@dataclass(frozen=True, kw_only=True)
class Contrastive(Head, Rates, Training, CrossEntropy):
    """The hyperparameters of the contrastive regimes.

    A classifier that is trained by gradient has the encoder's optimiser and schedule where it is
    given none; the fields of the cross-entropy are its own.
    """

    batch_size: Count = 64
    """Sentences in a mini-batch, in both stages. The contrastive loss sees two views of each."""
    layerwise_decay: Fraction = 0.9
    """Factor on the learning rate from each encoder layer to the one below it."""
    classifier: Literal["gradient", "ridge"] = "gradient"
    """How the classifier on the frozen vectors is trained: by gradient descent, as in the paper, or
    as a ridge regression, a linear layer in closed form. Ridge ignores the classifier's other
    fields (width, learning rate, epochs)."""
    head_epochs: Count = 10
    """Epochs of the classifier stage. They are cheap, since sentences are encoded once."""
    head_optimizer: Literal["adamw", "sgd"] | None = None
    """The classifier's optimiser; none: the encoder's. Each has its own rates; momentum and weight
    decay are shared. The paper wished for one that suits each stage (Q10, Q11)."""
    head_schedule: Literal["constant", "linear", "cosine"] | None = None
    """The classifier's learning rate after its warm-up, as `schedule`; none: the encoder's."""
    head_warmup_ratio: Fraction | None = None
    """Fraction of the classifier's steps in which its learning rate rises; none: the encoder's."""
    temperature: Temperature = 0.07
    """Divisor of the similarities. Not in the paper; https://arxiv.org/abs/2004.11362 uses 0.07."""
    views: Literal["head_dropout", "encoder_dropout"] = "head_dropout"
    """What makes the two views of a sentence: two dropout masks on its vector (the paper), or two
    passes through the encoder with dropout (https://arxiv.org/abs/2104.08821)."""
    projection: Literal["linear", "mlp", "none"] = "linear"
    """Projection from the sentence vector to the loss, discarded after the stage; mlp: two linear
    layers with a ReLU (the paper's Q11)."""
    projection_width: Count = 128
    """Width of the projected vectors. Not in the paper; https://arxiv.org/abs/2004.11362 uses
    128."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.classifier == "ridge":
            object.__setattr__(self, "head_width", None)  # the closed form is one linear layer

    @property
    def of_classifier(self) -> "Contrastive":
        """The same with the classifier stage's own optimiser and schedule where it has them."""
        warmup_ratio = self.head_warmup_ratio
        return replace(
            self,
            optimizer=self.head_optimizer or self.optimizer,
            schedule=self.head_schedule or self.schedule,
            warmup_ratio=self.warmup_ratio if warmup_ratio is None else warmup_ratio,
        )


def projection(config: Contrastive, width: int) -> nn.Module:
    """The map (B, D) -> (B, projection_width) before the loss."""
    if config.projection == "none":
        return nn.Identity()
    if config.projection == "linear":
        return nn.Linear(width, config.projection_width)
    return nn.Sequential(
        nn.Linear(width, width), nn.ReLU(), nn.Linear(width, config.projection_width)
    )


def _unchanged(batch: Batch) -> Batch:
    return batch


def two_stages(
    config: Contrastive,
    data: Data,
    encoder: Encoder,
    contrast: Callable[[Tensor, Tensor], Tensor],
    *,
    epochs: int,
    seed: int,
    augment: Callable[[Batch], Batch] = _unchanged,
    sentences_per_label: int = 1,
) -> Generator[Epoch, None, Classifier]:
    """Train the encoder for `epochs` by a contrastive loss, then the classifier on its vectors.

    `contrast(z, labels)` is the loss of z (2B, .), first views first, and labels (B,). `augment`
    changes each of the two views that go through the encoder by themselves. In the first stage,
    `sentences_per_label` of a label stand side by side. After each epoch, a ridge classifier on the
    frozen vectors is validated. With `classifier="ridge"`, the second stage solves it once more for
    the best epoch. The score is the same, unless an epoch has fewer sentences than there are: the
    last one has all of them.
    """
    torch.manual_seed(seed)
    model = Classifier.new(encoder, config, data.labels)
    project = projection(config, encoder.width).to(encoder.device)
    dropout = nn.Dropout(config.dropout)

    def views(batch: Batch) -> Tensor:
        if config.views == "head_dropout":
            pairs = encoder(batch).repeat(2, 1)  # (2B, D)
        else:
            pairs = encoder(augment(batch.twice()))
        z: Tensor = project(dropout(pairs))
        return z.unflatten(0, (2, -1)).transpose(0, 1)  # (B, 2, projection_width)

    def loss(pairs: Tensor, labels: Tensor) -> Tensor:
        return contrast(pairs.transpose(0, 1).flatten(0, 1), labels)

    def validate() -> Scores:
        train, validation = vectors(encoder, data.judged), vectors(encoder, data.validation)
        solution = ridge(train, data.judged.targets, len(data.labels), metric=data.metric)
        return solution.scores(validation, data.validation.targets)

    yield from fit(
        nn.ModuleList([encoder, project]),
        config,
        parameter_groups(
            encoder,
            project,
            learning_rate=config.lr,
            head_learning_rate=config.lr,
            layer_factor=decaying(config.layerwise_decay),
        ),
        MiniBatches(data.train, config.batch_size, seed, data.epoch_size, sentences_per_label),
        Objective(views, loss, logits=None),
        validate,
        stage="contrastive",
        epochs=epochs,
        kept=data.kept,
    )
    if config.classifier == "ridge":
        yield solve_head(model, data, done=epochs)
    else:
        yield from fit_head(
            model,
            config.of_classifier,
            data,
            batch_size=config.batch_size,
            learning_rate=config.of_classifier.head_lr,
            epochs=config.head_epochs,
            seed=seed,
            done=epochs,
            loss=cross_entropy(config, data.train.targets, len(data.labels)),
        )
    return model
