"""The classifier alone, trained by cross-entropy on vectors that a frozen encoder gave once."""

from collections.abc import Iterator

import torch
from torch.nn.functional import cross_entropy

from trainables.parts.classifier import Classifier, classify, vectors
from trainables.parts.epoch import Epoch
from trainables.parts.loop import Training, fit
from trainables.parts.scores import scores
from trainables.parts.step import Objective
from trainables.parts.tokens import Data, Features, MiniBatches


def fit_head(
    model: Classifier,
    config: Training,
    data: Data,
    *,
    batch_size: int,
    learning_rate: float,
    epochs: int,
    seed: int,
    done: int = 0,
) -> Iterator[Epoch]:
    """Train `model.head`; the encoder is not touched, so each sentence is encoded once."""
    device = model.encoder.device
    train, validation = (vectors(model.encoder, split).clone() for split in (data.train, data.validation))
    targets, truth = (torch.from_numpy(split.labels.copy()).to(device) for split in (data.train, data.validation))

    yield from fit(
        model.head,
        config,
        [{"params": list(model.head.parameters()), "lr": learning_rate}],
        MiniBatches(Features(train, targets), batch_size, seed),
        Objective(lambda batch: model.head(batch.inputs), cross_entropy),
        lambda: scores(classify(model.head, validation), truth),
        stage="classifier",
        epochs=epochs,
        done=done,
    )
