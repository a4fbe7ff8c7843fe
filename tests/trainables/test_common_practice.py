"""The regimes with values in common use: what each changes, and that it changes nothing else."""

from typing import Any

import numpy as np
import pytest
import torch
from pytorch_metric_learning.losses import SupConLoss
from torch.nn.functional import cross_entropy

import trainables
from tests.trainables.runs import Run, curve, run, start, without_dropout
from trainables.parts.data.tokens import Data
from trainables.parts.model.classifier import vectors
from trainables.parts.model.pretrained import Pretrained, state
from trainables.parts.training.ridge import ridge

STILL = {"learning_rate": 0.0, "head_learning_rate": 0.0}
"""No learning: the losses are those of the model as it began."""

NEUTRAL: dict[str, dict[str, Any]] = {
    "llrd_grouped": {"middle_factor": 1.0, "bottom_factor": 1.0},
    "schedule": {"schedule": "linear", "warmup_ratio": 0.1},
    "supcon_joint": {"contrastive_weight": 0.0},
}
"""Values under which a regime is plain fine-tuning."""


@pytest.fixture(scope="module")
def plain(pretrained: Pretrained, data: Data) -> list[dict[str, Any]]:
    """The curve of fine-tuning with the values in common use."""
    values = trainables.load("llrd_grouped").Config().to_dict()
    del values["batch_size"]
    return curve(run("warmup", pretrained, data, **values)[0])


@pytest.mark.parametrize("regime", NEUTRAL)
def test_with_neutral_values_it_is_plain_fine_tuning(
    regime: str,
    plain: list[dict[str, Any]],
    runs: dict[str, Run],
    pretrained: Pretrained,
    data: Data,
) -> None:
    epochs, _ = run(regime, pretrained, data, **NEUTRAL[regime])
    assert curve(epochs) == plain != curve(runs[regime].epochs)


def test_lp_ft_starts_from_the_ridge_regression_on_the_pretrained_vectors(
    pretrained: Pretrained, data: Data
) -> None:
    _, model = run("lp_ft", pretrained, data, epochs=1, **STILL)
    encoder = pretrained.build()
    solution = ridge(vectors(encoder, data.train), data.train.targets, len(data.labels))
    expected = vectors(encoder, data.validation).double() @ solution.weight.T + solution.bias
    logits = model.logits(data.validation).double()
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)


def test_lp_ft_has_smaller_rates_than_common_practice() -> None:
    ours, common = (trainables.load(name).Config() for name in ("lp_ft", "rdrop"))
    assert ours.lr < common.lr and ours.head_lr < common.head_lr


def first_loss(regime: str, pretrained: Pretrained, data: Data, **values: Any) -> float:
    """The training loss of an epoch that learns nothing."""
    training = start(regime, pretrained.build(), data, epochs=1, **{**STILL, **values})
    loss: float = next(training).train_loss or 0.0
    training.close()
    return loss


def test_rdrop_pulls_together_what_dropout_draws_apart(pretrained: Pretrained, data: Data) -> None:
    """Without dropout the passes are equal, and the divergence's weight makes no difference."""
    bare = without_dropout(pretrained)
    equal = [
        first_loss("rdrop", bare, data, dropout=0.0, kl_weight=weight) for weight in (0.0, 1.0)
    ]
    apart = [first_loss("rdrop", pretrained, data, kl_weight=weight) for weight in (0.0, 1.0, 2.0)]
    assert equal[1] == pytest.approx(equal[0], rel=1e-6)
    assert apart[1] > apart[0]
    assert apart[2] - apart[1] == pytest.approx(apart[1] - apart[0], rel=1e-3)


def test_supcon_joints_loss_is_a_weighted_mean_of_both(pretrained: Pretrained, data: Data) -> None:
    """With one mini-batch, no dropout and no learning, both losses are those of the whole split."""
    whole = {"batch_size": len(data.train), "dropout": 0.0, "temperature": 0.3}
    bare = without_dropout(pretrained)
    loss = first_loss("supcon_joint", bare, data, contrastive_weight=0.7, **whole)
    _, model = run(
        "supcon_joint", bare, data, epochs=1, contrastive_weight=0.7, **{**STILL, **whole}
    )
    contrast = SupConLoss(temperature=0.3)(vectors(model.encoder, data.train), data.train.targets)
    entropy = cross_entropy(model.logits(data.train), data.train.targets)
    assert loss == pytest.approx(0.3 * entropy.item() + 0.7 * contrast.item(), rel=1e-4)


@pytest.mark.parametrize(("layers", "kept"), [(1, True), (2, False)])
def test_reinit_trains_from_new_top_layers(
    layers: int, kept: bool, pretrained: Pretrained, data: Data
) -> None:
    _, model = run("reinit", pretrained, data, epochs=1, reinit_layers=layers, **STILL)
    weights = state(model.encoder)
    kept_by_name = {
        "embeddings.word_embeddings.weight": True,
        "encoder.layer.0.output.dense.weight": kept,
        "encoder.layer.1.output.dense.weight": False,
    }
    for name, same in kept_by_name.items():
        assert np.array_equal(weights[name], pretrained.weights[name]) == same


def test_swa_returns_the_average_and_trains_as_without(
    runs: dict[str, Run], pretrained: Pretrained, data: Data
) -> None:
    """Its share of the steps changes what is judged, never the steps themselves."""
    values = {"average_from": 0.0, "average_decay": 0.9}
    epochs, model = run("swa", pretrained, data, **values)
    plain = runs["swa"]
    assert [epoch.train_loss for epoch in epochs] == [epoch.train_loss for epoch in plain.epochs]
    assert not torch.equal(model.logits(data.validation), plain.logits)


def test_simclr_crops_loss_without_crops_is_that_of_each_sentence_twice(
    pretrained: Pretrained, data: Data
) -> None:
    bare = without_dropout(pretrained)
    same = {"dropout": 0.0, "projection": "none", "temperature": 0.3, "pooling": "mean"}
    whole = {"shortest_span": 1.0, "word_dropout": 0.0}
    of_sentences = first_loss("simclr_crop", bare, data, **same, **whole)
    of_spans = first_loss("simclr_crop", bare, data, **same)
    reference = first_loss("simclr", bare, data, optimizer="adamw", views="encoder_dropout", **same)
    assert of_sentences == pytest.approx(reference, rel=1e-5)
    assert of_spans > of_sentences
