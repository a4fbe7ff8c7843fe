"""Train the classifier on a frozen encoder's vectors: by cross-entropy, or in closed form."""

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
    """Encode the train and validation splits; the vectors stay on the encoder's device."""
    train, validation = (
        Features(vectors(encoder, split).clone(), split.targets.to(encoder.device))
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
    """Train `model.head` by gradient on the vectors `encoded`.

    Without them, encodes the splits first and adds that time to the first epoch's seconds.
    """
    began = time.perf_counter()
    train, validation = encoded or encode(model.encoder, data)
    encoding_seconds = time.perf_counter() - began
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
        yield replace(epoch, seconds=epoch.seconds + encoding_seconds)
        encoding_seconds = 0.0


def solve_head(model: Classifier, data: Data, *, done: int) -> Epoch:
    """Set `model.head`, one linear layer, to the ridge classifier on the encoder's vectors.

    Its outputs are scaled to be logits. `done` counts the epochs of earlier stages.
    """
    began = time.perf_counter()
    train, validation = encode(model.encoder, data)
    solution = ridge(train.vectors, train.targets, len(data.labels))
    scale = solution.scale(train.targets)
    (linear,) = (module for module in model.head.modules() if isinstance(module, nn.Linear))
    with torch.no_grad():
        linear.weight.copy_(scale * solution.weight)
        linear.bias.copy_(scale * solution.bias)
    validated = scores(classify(model.head, validation.vectors), validation.targets)
    return Epoch(
        epoch=done + 1,
        stage="classifier",
        train_loss=None,
        train_accuracy=None,
        validation_loss=validated.loss,
        validation_accuracy=validated.accuracy,
        best_validation_accuracy=validated.accuracy,
        learning_rate=0.0,
        steps=0,
        seconds=time.perf_counter() - began,
    )
