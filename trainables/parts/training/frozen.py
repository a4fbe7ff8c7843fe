"""Train the classifier on a frozen encoder's vectors: by cross-entropy, or in closed form."""

import time
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from trainables.parts.data.batches import MiniBatches
from trainables.parts.data.tokens import Data, Encoded, Features
from trainables.parts.model.classifier import Classifier, classify, vectors, vectors_by_pooling
from trainables.parts.model.encoder import Encoder
from trainables.parts.model.pooling import POOLINGS
from trainables.parts.training.epoch import Epoch
from trainables.parts.training.logistic import logistic
from trainables.parts.training.loop import Training, fit
from trainables.parts.training.ridge import Ridge, ridge
from trainables.parts.training.scores import scores
from trainables.parts.training.step import Objective


def encode(encoder: Encoder, data: Data) -> Encoded:
    """Encode the train and validation splits; the vectors stay on the encoder's device."""
    train, validation = (
        {
            pooling: Features(vectors.clone(), split.targets.to(encoder.device))
            for pooling, vectors in vectors_by_pooling(encoder, split).items()
        }
        for split in (data.train, data.validation)
    )
    return {pooling: (train[pooling], validation[pooling]) for pooling in POOLINGS}


def encoded(encoder: Encoder, data: Data) -> tuple[Features, Features]:
    """Train and validation as the vectors of the pretrained `encoder`, in its pooling.

    Takes those that the search has encoded for all trials, where it has.
    """
    return (data.encoded or encode(encoder, data))[encoder.pooling]


def start_from_ridge(model: Classifier, data: Data) -> None:
    """Set `model.head`, one linear layer, to the ridge classifier on the pretrained vectors.

    Its outputs stay near the targets -1 and 1: larger logits would leave less to learn from.
    """
    train, _ = encoded(model.encoder, data)
    _set_linear(model.head, ridge(train.vectors, train.targets, len(data.labels)), scale=1.0)


def _set_linear(head: nn.Module, solution: Ridge, scale: float) -> None:
    (linear,) = (module for module in head.modules() if isinstance(module, nn.Linear))
    with torch.no_grad():
        linear.weight.copy_(scale * solution.weight)
        linear.bias.copy_(scale * solution.bias)


def solve_logistic(model: Classifier, data: Data, C: float) -> Epoch:
    """Set `model.head`, one linear layer, to the logistic regression on the pretrained vectors."""
    began = time.perf_counter()
    train, validation = encoded(model.encoder, data)
    weight, bias = logistic(train.vectors, train.targets, len(data.labels), C)
    (linear,) = (module for module in model.head.modules() if isinstance(module, nn.Linear))
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(weight))
        linear.bias.copy_(torch.from_numpy(bias))
    validated = scores(classify(model.head, validation.vectors), validation.targets)
    return Epoch.closed_form("classifier", validated, time.perf_counter() - began)


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
    pretrained: bool = False,
) -> Iterator[Epoch]:
    """Train `model.head` by gradient on the encoder's vectors.

    The time to encode the splits is part of the first epoch's seconds. `pretrained` says that the
    encoder is as it came, so that vectors which the search has computed already are its own.
    """
    began = time.perf_counter()
    train, validation = (encoded if pretrained else _features)(model.encoder, data)
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
    train, validation = _features(model.encoder, data)
    solution = ridge(train.vectors, train.targets, len(data.labels))
    _set_linear(model.head, solution, solution.scale(train.targets))
    validated = scores(classify(model.head, validation.vectors), validation.targets)
    return Epoch.closed_form("classifier", validated, time.perf_counter() - began, done + 1)


def _features(encoder: Encoder, data: Data) -> tuple[Features, Features]:
    """Train and validation as the vectors of the encoder as it is now."""
    train, validation = (
        Features(vectors(encoder, split).clone(), split.targets.to(encoder.device))
        for split in (data.train, data.validation)
    )
    return train, validation
