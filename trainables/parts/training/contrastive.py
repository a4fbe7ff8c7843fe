"""Two stages: the encoder learns from pairs of views, then the classifier from the frozen encoder.

Rows 6 and 7 of Table 7.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from trainables.parts.config import Count, Fraction, Temperature
from trainables.parts.data.batches import MiniBatches
from trainables.parts.data.tokens import Batch, Data
from trainables.parts.model.classifier import Classifier, vectors
from trainables.parts.model.encoder import Encoder
from trainables.parts.model.head import Head
from trainables.parts.training.epoch import Epoch
from trainables.parts.training.frozen import fit_head, solve_head
from trainables.parts.training.loop import Training, fit
from trainables.parts.training.optim import Rates, parameter_groups
from trainables.parts.training.ridge import ridge
from trainables.parts.training.step import Objective


@dataclass(frozen=True, kw_only=True)
class Contrastive(Head, Rates, Training):
    """What both contrastive regimes have.

    Optimiser and schedule serve both stages where the classifier is trained by gradient.
    """

    batch_size: Count = 64
    """Sentences in a mini-batch, in both stages; the contrastive loss sees two views of each."""
    layerwise_decay: Fraction = 0.9
    """Factor on the learning rate from each layer to the one below it."""
    classifier: Literal["gradient", "ridge"] = "gradient"
    """How the classifier is found on the frozen vectors: by gradient steps, as in the paper, or as
    a ridge regression, which is a linear layer in closed form. Ridge reads none of the classifier's
    other fields: no width, rate or epochs."""
    head_epochs: Count = 10
    """Epochs of the classifier stage by gradient; they cost next to nothing, since the encoder's
    vectors are computed once."""
    temperature: Temperature = 0.07
    """Divides the similarities. The paper gives none; https://arxiv.org/abs/2004.11362 has 0.07."""
    views: Literal["head_dropout", "encoder_dropout"] = "head_dropout"
    """Two dropouts of one sentence vector (the paper), or two passes through the encoder
    (https://arxiv.org/abs/2104.08821)."""
    projection: Literal["linear", "mlp", "none"] = "linear"
    """Between sentence vector and loss, thrown away after the stage; mlp: two linear layers with a
    ReLU (the paper's Q11)."""
    projection_width: Count = 128
    """Components of the vectors that the loss compares. The paper gives none;
    https://arxiv.org/abs/2004.11362 has 128."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.classifier == "ridge":
            object.__setattr__(self, "head_width", None)  # a closed form has one layer


def projection(config: Contrastive, width: int) -> nn.Module:
    """The map (B, D) -> (B, projection_width) before the loss."""
    if config.projection == "none":
        return nn.Identity()
    if config.projection == "linear":
        return nn.Linear(width, config.projection_width)
    return nn.Sequential(
        nn.Linear(width, width), nn.ReLU(), nn.Linear(width, config.projection_width)
    )


def two_stages(
    config: Contrastive,
    data: Data,
    encoder: Encoder,
    contrast: Callable[[Tensor, Tensor], Tensor],
    *,
    epochs: int,
    seed: int,
) -> Generator[Epoch, None, Classifier]:
    """Train the encoder for `epochs` by `contrast(z, labels)`, z (2B, ·) with first views first,
    then the classifier on it.

    Each epoch of the first stage is judged by a ridge classifier on the frozen vectors. Where the
    classifier is "ridge" too, it is the best epoch's judge itself, so that the second stage loses
    nothing.
    """
    torch.manual_seed(seed)
    model = Classifier.new(encoder, config, data.labels)
    project = projection(config, encoder.width).to(encoder.device)
    dropout = nn.Dropout(config.dropout)
    targets, truth = (
        torch.from_numpy(split.labels.copy()) for split in (data.train, data.validation)
    )

    def views(batch: Batch) -> Tensor:
        pair = (
            encoder(batch).repeat(2, 1)
            if config.views == "head_dropout"
            else encoder(batch.twice())
        )  # (2B, D)
        z: Tensor = project(dropout(pair))
        return z.unflatten(0, (2, -1)).transpose(0, 1)  # (B, 2, projection_width)

    def loss(pairs: Tensor, labels: Tensor) -> Tensor:
        return contrast(pairs.transpose(0, 1).flatten(0, 1), labels)

    def judge() -> float:
        train, validation = (vectors(encoder, split) for split in (data.train, data.validation))
        return ridge(train, targets, len(data.labels)).accuracy(validation, truth)

    yield from fit(
        nn.ModuleList([encoder, project]),
        config,
        parameter_groups(
            encoder,
            project,
            learning_rate=config.lr,
            head_learning_rate=config.lr,
            layerwise_decay=config.layerwise_decay,
        ),
        MiniBatches(data.train, config.batch_size, seed),
        Objective(views, loss, predicts=False),
        judge,
        stage="contrastive",
        epochs=epochs,
    )
    if config.classifier == "ridge":
        yield solve_head(model, data, done=epochs)
    else:
        yield from fit_head(
            model,
            config,
            data,
            batch_size=config.batch_size,
            learning_rate=config.head_lr,
            epochs=config.head_epochs,
            seed=seed,
            done=epochs,
        )
    return model
