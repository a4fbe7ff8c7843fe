"""Regimes of a single stage: untuned, probe and the fine-tuning regimes."""

import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.trainables.runs import FINE_TUNING, Run, curve, finish, run, start
from trainables.parts.data.tokens import Data
from trainables.parts.model.pretrained import Pretrained, state
from trainables.parts.training.frozen import encode


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
    encoder, waits = pretrained.build(), []
    encoder.register_forward_hook(lambda *_: waits.append(time.sleep(0.05)))
    epochs, _ = finish(start("probe", encoder, data))
    assert epochs[0].seconds >= 0.05 * len(waits) > 0 and epochs[1].seconds < 0.05 * len(waits)
