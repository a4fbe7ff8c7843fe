"""`proto` against slow definitions: its prototypes, its first loss, its classifier."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, cross_entropy

from tests.trainables.runs import run, start, without_dropout
from trainables.parts.data.label_words import label_words
from trainables.parts.data.tokens import Data
from trainables.parts.model.classifier import Classifier, vectors
from trainables.parts.model.pretrained import Pretrained
from trainables.parts.training.prototypes import prototypes

STILL: dict[str, Any] = {"learning_rate": 0.0, "head_learning_rate": 0.0, "dropout": 0.0}
"""No learning: the losses and the prototypes are those of the pretrained encoder."""


def slowly(
    sentences: list[list[float]], labels: list[int], names: list[list[float]], share: float
) -> list[list[float]]:
    """The definition, a number at a time; without names where `names` is empty."""

    def unit(vector: list[float]) -> list[float]:
        length = math.sqrt(sum(value * value for value in vector))
        return [value / length for value in vector]

    means = []
    for label in range(max(labels) + 1):
        own = [unit(vector) for vector, one in zip(sentences, labels) if one == label]
        mean = unit([sum(column) / len(own) for column in zip(*own)])
        if names:
            pairs = zip(mean, unit(names[label]))
            mean = unit([(1 - share) * one + share * other for one, other in pairs])
        means.append(mean)
    return means


def slow_prototypes(encoder: Any, data: Data, share: float) -> Tensor:
    names = [] if data.names is None else vectors(encoder, data.names).double().tolist()
    sentences = vectors(encoder, data.train).double().tolist()
    return torch.tensor(slowly(sentences, data.train.targets.tolist(), names, share)).double()


@pytest.mark.parametrize("named", [True, False])
def test_an_epoch_without_learning_has_the_loss_and_the_accuracy_of_the_definition(
    pretrained: Pretrained, data: Data, named: bool
) -> None:
    """With one mini-batch and no dropout: the mean cross-entropy over cosine / temperature."""
    data = data if named else replace(data, names=None)
    bare = without_dropout(pretrained)
    values = {"name_weight": 0.4, "temperature": 0.1, "batch_size": len(data.train)}
    (epoch,), model = run("proto", bare, data, epochs=1, **{**STILL, **values})
    encoder = model.encoder
    expected = slow_prototypes(encoder, data, 0.4)
    for split, loss, accuracy in (
        (data.train, epoch.train_loss, epoch.train_accuracy),
        (data.validation, None, epoch.validation_accuracy),
    ):
        sentences = vectors(encoder, split).double()
        logits = cosine_similarity(sentences[:, None], expected[None], dim=2) / 0.1
        assert accuracy == (logits.argmax(dim=1) == split.targets).double().mean().item()
        if loss is not None:
            assert loss == pytest.approx(cross_entropy(logits, split.targets).item(), rel=1e-4)


def test_an_epoch_of_fewer_sentences_has_the_prototypes_of_as_many(
    pretrained: Pretrained, data: Data
) -> None:
    part = replace(data, epoch_size=60)
    values = {**STILL, "prototypes": "means", "name_weight": 0.4, "temperature": 0.1}
    _, model = run("proto", without_dropout(pretrained), part, epochs=1, **values)
    expected = slow_prototypes(model.encoder, replace(part, train=part.judged), 0.4)
    cosines = cosine_similarity(directions(model).double(), expected)
    assert cosines.numpy() == pytest.approx(1, abs=1e-6)
    assert not torch.allclose(expected, slow_prototypes(model.encoder, data, 0.4), atol=1e-4)


def directions(model: Classifier) -> Tensor:
    """The rows of the classifier's only linear layer."""
    linear = model.head[1]
    assert isinstance(linear, nn.Linear)
    return linear.weight.detach()


def test_the_names_change_the_prototypes(pretrained: Pretrained, data: Data) -> None:
    weights = [
        directions(run("proto", pretrained, data, epochs=1, name_weight=share, **STILL)[1])
        for share in (0.0, 0.5)
    ]
    assert not torch.allclose(weights[0], weights[1], rtol=1e-3)


@pytest.mark.parametrize("kind", ["means", "learned"])
def test_means_follow_the_encoder_and_learned_prototypes_leave_it(
    pretrained: Pretrained, data: Data, kind: str
) -> None:
    """The direction of each row of the classifier against the definition on the final encoder."""
    values = {"learning_rate": 1e-3, "head_learning_rate": 1e-2, "batch_size": 16}
    epochs, model = run("proto", pretrained, data, prototypes=kind, name_weight=0.25, **values)
    assert epochs[-1].train_loss is not None and epochs[0].train_loss is not None
    assert epochs[-1].train_loss < epochs[0].train_loss
    expected = slow_prototypes(model.encoder, data, 0.25)
    cosine = cosine_similarity(directions(model).double(), expected, dim=1)
    assert bool((cosine > 1 - 1e-6).all()) == (kind == "means")


def test_dropout_draws_other_losses(pretrained: Pretrained, data: Data) -> None:
    bare = without_dropout(pretrained)
    losses = []
    for dropout in (0.0, 0.5):
        training = start("proto", bare.build(), data, epochs=1, **{**STILL, "dropout": dropout})
        losses.append(next(training).train_loss)
        training.close()
    assert losses[0] != losses[1]


def test_a_label_without_sentences_has_its_name_or_the_middle_of_all() -> None:
    random = torch.Generator().manual_seed(0)
    sentences, names = (torch.randn(n, 5, generator=random) for n in (6, 3))
    labels = torch.tensor([0, 0, 0, 1, 1, 1])
    named = prototypes(sentences, labels, 3, names, 0.1)
    assert torch.allclose(named[2], names[2] / names[2].norm(), atol=1e-6)
    bare = prototypes(sentences, labels, 3, None, 0.1)
    assert np.allclose(bare.norm(dim=1), 1.0, atol=1e-6)
    known = torch.tensor(slowly(sentences.tolist(), labels.tolist(), [], 0.0))
    assert torch.allclose(bare[:2], known, atol=1e-6)


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("alarm_set", "alarm set"),
        ("iot-hue.lightOff", "iot hue light off"),
        ("Größe_ändern", "größe ändern"),
        ("7", "7"),
        ("__", "__"),
    ],
)
def test_a_labels_words(label: str, words: str) -> None:
    assert label_words(label) == words
