"""The classifier alone, on vectors that a frozen encoder gave once: trained by cross-entropy, or
solved in closed form."""

import time
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from trainables.parts.data.batches import MiniBatches
from trainables.parts.data.tokens import Data, Features
from trainables.parts.model.classifier import Classifier, classify, vectors
from trainables.parts.model.encoder import Encoder
from trainables.parts.training.epoch import Epoch
from trainables.parts.training.loop import Training, fit
from trainables.parts.training.ridge import ridge
from trainables.parts.training.scores import scores
from trainables.parts.training.step import Objective


def encode(encoder: Encoder, data: Data) -> tuple[Features, Features]:
    """Train and validation as the encoder's vectors, on its device."""
    train, validation = (
        Features(
            vectors(encoder, split).clone(),
            torch.from_numpy(split.labels.copy()).to(encoder.device),
        )
        for split in (data.train, data.validation)
    )
    return train, validation


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
    encoded: tuple[Features, Features] | None = None,
) -> Iterator[Epoch]:
    """Train `model.head` by gradient on `encoded`, or where there is none on what the encoder gives
    now: the first epoch's seconds have that."""
    began = time.perf_counter()
    train, validation = encoded or encode(model.encoder, data)
    encoding = time.perf_counter() - began
    training = fit(
        model.head,
        config,
        [{"params": list(model.head.parameters()), "lr": learning_rate}],
        MiniBatches(train, batch_size, seed),
        Objective(lambda batch: model.head(batch.inputs), cross_entropy),
        lambda: scores(classify(model.head, validation.vectors), validation.targets),
        stage="classifier",
        epochs=epochs,
        done=done,
    )
    for epoch in training:
        yield replace(epoch, seconds=epoch.seconds + encoding)
        encoding = 0.0


def solve_head(model: Classifier, data: Data, *, done: int) -> Epoch:
    """Make `model.head`, one linear layer, the ridge classifier on the encoder's vectors; its
    outputs are scaled to be logits."""
    began = time.perf_counter()
    train, validation = encode(model.encoder, data)
    found = ridge(train.vectors, train.targets, len(data.labels))
    scale = found.scale(train.targets)
    (linear,) = (module for module in model.head.modules() if isinstance(module, nn.Linear))
    with torch.no_grad():
        linear.weight.copy_(scale * found.weight)
        linear.bias.copy_(scale * found.bias)
    reached = scores(classify(model.head, validation.vectors), validation.targets)
    return Epoch(
        epoch=done + 1,
        stage="classifier",
        train_loss=None,
        train_accuracy=None,
        validation_loss=reached.loss,
        validation_accuracy=reached.accuracy,
        best_validation_accuracy=reached.accuracy,
        learning_rate=0.0,
        steps=0,
        seconds=time.perf_counter() - began,
    )
