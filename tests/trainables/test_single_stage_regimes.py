"""Regimes of a single stage: untuned, probe and the fine-tuning regimes."""

import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.trainables.runs import FINE_TUNING, Run, curve, finish, run, start
from trainables.parts.data.tokens import Data
from trainables.parts.model.classifier import vectors
from trainables.parts.model.pooling import POOLINGS, Pooling
from trainables.parts.model.pretrained import Pretrained, state
from trainables.parts.training.frozen import encode
from trainables.parts.training.ridge import ridge


def test_untuned_yields_one_epoch_whatever_the_budget(pretrained: Pretrained, data: Data) -> None:
    epochs, model = run("untuned", pretrained, data, epochs=7)
    assert [(epoch.stage, epoch.steps, epoch.train_loss) for epoch in epochs] == [
        ("untuned", 0, None)
    ]
    assert all(
        np.array_equal(array, pretrained.weights[name])
        for name, array in state(model.encoder).items()
    )


def test_another_draw_of_untuned_is_another_classifier(pretrained: Pretrained, data: Data) -> None:
    logits = [
        run("untuned", pretrained, data, draw=draw)[1].logits(data.validation) for draw in (1, 2)
    ]
    assert not torch.equal(*logits)


@pytest.mark.parametrize("regime", FINE_TUNING)
def test_fine_tuning_trains_encoder_and_classifier_in_one_stage(
    regime: str, runs: dict[str, Run], pretrained: Pretrained
) -> None:
    assert [epoch.stage for epoch in runs[regime].epochs] == ["fine-tune"] * 2
    changed = [
        name
        for name, array in state(runs[regime].model.encoder).items()
        if not np.array_equal(array, pretrained.weights[name])
    ]
    assert {name.split(".")[0] for name in changed} == {"embeddings", "encoder"}


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("regime", FINE_TUNING)
def test_a_head_that_starts_from_ridge_first_predicts_as_ridge_does(
    regime: str, pooling: Pooling, pretrained: Pretrained, data: Data
) -> None:
    frozen = {"learning_rate": 0.0, "head_learning_rate": 0.0, "min_learning_rate": 0.0}
    (epoch,), model = run(
        regime, pretrained, data, head_init="ridge", pooling=pooling, epochs=1, **frozen
    )
    encoder = pretrained.build()
    encoder.pooling = pooling
    solution = ridge(vectors(encoder, data.train), data.train.targets, len(data.labels))
    found = vectors(encoder, data.validation)
    expected = found.double() @ solution.weight.T + solution.bias
    torch.testing.assert_close(
        model.logits(data.validation).double(), expected, atol=1e-4, rtol=1e-4
    )
    assert epoch.validation_accuracy == solution.accuracy(found, data.validation.targets)


def test_ridge_on_sentences_that_are_encoded_already_starts_the_same_curve(
    pretrained: Pretrained, data: Data
) -> None:
    encoded = replace(data, encoded=encode(pretrained.build(), data))
    once, again = (
        run("baseline", pretrained, each, head_init="ridge", pooling="mean")[0]
        for each in (data, encoded)
    )
    assert curve(once) == curve(again)


def test_llrd_with_a_decay_of_one_is_fine_tuning_at_one_rate(
    pretrained: Pretrained, data: Data
) -> None:
    same = {"head_learning_rate": 1e-3, "schedule": "constant"}
    plain, _ = run("baseline", pretrained, data, **same)
    layered, _ = run("llrd", pretrained, data, layerwise_decay=1.0, head_decay=1.0, **same)
    assert curve(plain) == curve(layered)


def test_llrd_with_a_decay_of_zero_leaves_the_encoder_as_it_was(
    pretrained: Pretrained, data: Data
) -> None:
    _, model = run("llrd", pretrained, data, layerwise_decay=0.0)
    assert all(
        np.array_equal(array, pretrained.weights[name])
        for name, array in state(model.encoder).items()
    )


def test_probe_leaves_the_encoder_as_it_was(runs: dict[str, Run], pretrained: Pretrained) -> None:
    assert all(
        np.array_equal(array, pretrained.weights[name])
        for name, array in state(runs["probe"].model.encoder).items()
    )


def test_probe_on_sentences_that_are_encoded_already_has_the_same_curve(
    runs: dict[str, Run], pretrained: Pretrained, data: Data
) -> None:
    epochs, model = run(
        "probe", pretrained, replace(data, encoded=encode(pretrained.build(), data))
    )
    assert curve(epochs) == curve(runs["probe"].epochs) and torch.equal(
        model.logits(data.validation), runs["probe"].logits
    )


def test_probes_first_epoch_takes_as_long_as_its_encoding(
    pretrained: Pretrained, data: Data
) -> None:
    encoder, waits = pretrained.build(), list[float]()

    def wait(*_: object) -> None:
        waits.append(0.05)
        time.sleep(waits[-1])

    encoder.transformer.embeddings.register_forward_hook(wait)
    epochs, _ = finish(start("probe", encoder, data))
    assert epochs[0].seconds >= sum(waits) > 0 and epochs[1].seconds < sum(waits)
