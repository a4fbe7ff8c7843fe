"""Train the classifier on a frozen encoder's vectors: by cross-entropy, or in closed form."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.parts.data.batches import MiniBatches
from trainables.parts.data.tokens import Data, Encoded, Features, Tokens
from trainables.parts.model.classifier import Classifier, classify, vectors, vectors_by_pooling
from trainables.parts.model.encoder import Encoder
from trainables.parts.model.pooling import POOLINGS, Pooling
from trainables.parts.training.cross_entropy import Loss
from trainables.parts.training.epoch_metrics import Epoch
from trainables.parts.training.logistic import logistic
from trainables.parts.training.loop import Training, fit
from trainables.parts.training.ridge import Ridge, ridge
from trainables.parts.training.scores import scores
from trainables.parts.training.step import Objective

EncodedPart = dict[int, dict[Pooling, Tensor]]
"""Vectors of some chunks of sentences, by the chunk's number."""


CHUNK_SENTENCES = 2048
"""Sentences that are encoded on their own. So several workers encode them with the same result, to
the last bit, as one."""


def encode(encoder: Encoder, data: Data) -> Encoded:
    """Encode train and validation; the vectors stay on the encoder's device."""
    return joined(data, [encode_part(encoder, data)])


def encode_part(encoder: Encoder, data: Data, part: int = 0, parts: int = 1) -> EncodedPart:
    """The vectors of one of so many parts of all chunks of sentences, by the chunk's number."""
    return {
        number: {pooling: vectors.clone() for pooling, vectors in by_pooling.items()}
        for number, chunk in list(enumerate(_chunks(data)))[part::parts]
        for by_pooling in [vectors_by_pooling(encoder, chunk)]
    }


def joined(data: Data, parts: Sequence[EncodedPart]) -> Encoded:
    """The vectors of train and validation from all parts of their chunks."""
    by_number = {number: vectors for part in parts for number, vectors in part.items()}
    encoded: dict[str, tuple[Features, Features]] = {}
    for pooling in POOLINGS:
        vectors = torch.cat([by_number[number][pooling] for number in sorted(by_number)])
        splits = _splits(data)
        features = [
            Features(of_split, split.targets.to(vectors.device))
            for of_split, split in zip(vectors.split(list(map(len, splits))), splits)
        ]
        encoded[pooling] = (features[0], features[-1])
    return encoded


def chunk_count(data: Data) -> int:
    """How many chunks there are, and so how many parts at most."""
    return sum(-(-len(split) // CHUNK_SENTENCES) for split in _splits(data))


def _splits(data: Data) -> list[Tokens]:
    """What there is to encode: train and validation, or train alone where it is both."""
    return [data.train] if data.folds is not None else [data.train, data.validation]


def _chunks(data: Data) -> Iterator[Tokens]:
    for split in _splits(data):
        for start in range(0, len(split), CHUNK_SENTENCES):
            yield split.select(np.arange(start, min(start + CHUNK_SENTENCES, len(split))))


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
    solution = ridge(train.vectors, train.targets, len(data.labels), metric=data.metric)
    _set_linear(model.head, solution, scale=1.0)


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
    loss: Loss = functional.cross_entropy,
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
        Objective(lambda batch: model.head(batch.inputs), loss),
        lambda: scores(classify(model.head, validation.vectors), validation.targets),
        stage="classifier",
        epochs=epochs,
        done=done,
        kept=data.kept,
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
    solution = ridge(train.vectors, train.targets, len(data.labels), metric=data.metric)
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
