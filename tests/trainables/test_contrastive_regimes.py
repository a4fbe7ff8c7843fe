"""The contrastive regimes: their stages, validation, views and losses."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_metric_learning.losses import NTXentLoss, SupConLoss
from sklearn.linear_model import RidgeClassifier

from tests.trainables.runs import (
    CONTRASTIVE,
    RIDGE,
    curve,
    run,
    start,
    without_dropout,
)
from trainables.parts.data.batches import MiniBatches
from trainables.parts.data.tokens import Data, Features
from trainables.parts.model.classifier import vectors
from trainables.parts.model.pretrained import Pretrained, state
from trainables.parts.training.ridge import ridge
from trainables.parts.training.scores import scores

STILL: dict[str, Any] = {
    "dropout": 0.0,
    "projection": "none",
    "optimizer": "adamw",
    "learning_rate": 0.0,
}
"""No learning, no dropout and no projection: the losses are those of the encoder's vectors."""


@pytest.mark.parametrize("regime", CONTRASTIVE)
def test_contrastive_epochs_come_first_then_the_classifiers(
    regime: str, pretrained: Pretrained, data: Data
) -> None:
    epochs, _ = run(regime, pretrained, data, epochs=3, head_epochs=4)
    assert [epoch.stage for epoch in epochs] == ["contrastive"] * 3 + ["classifier"] * 4
    assert all(
        epoch.validation_loss is None and epoch.train_accuracy is None for epoch in epochs[:3]
    )
    assert all(
        epoch.validation_loss is not None and epoch.train_accuracy is not None
        for epoch in epochs[3:]
    )


@pytest.mark.parametrize("regime", CONTRASTIVE)
def test_the_encoder_learns_in_the_contrastive_stage_alone(
    regime: str, pretrained: Pretrained, data: Data
) -> None:
    encoder = pretrained.build()
    frozen = []
    for epoch in start(regime, encoder, data, head_epochs=3):
        if epoch.stage == "classifier":
            frozen.append(state(encoder))
    assert all(
        np.array_equal(array, frozen[0][name])
        for later in [*frozen[1:], state(encoder)]
        for name, array in later.items()
    )
    assert any(
        not np.array_equal(array, pretrained.weights[name]) for name, array in frozen[0].items()
    )


@pytest.mark.parametrize("size", [None, 48])
@pytest.mark.parametrize("regime", CONTRASTIVE)
def test_contrastive_epochs_are_validated_by_a_ridge_classifier_on_the_vectors(
    regime: str, size: int | None, pretrained: Pretrained, data: Data
) -> None:
    """Of all training sentences, or of as many as an epoch has."""
    encoder, data = pretrained.build(), replace(data, epoch_size=size)
    assert len(data.judged) == (size or len(data.train))
    for epoch in start(regime, encoder, data, epochs=3):
        if epoch.stage != "contrastive":
            break
        train, new = (
            vectors(encoder, split).double().numpy() for split in (data.judged, data.validation)
        )
        mean, spread = train.mean(axis=0), train.std(axis=0)
        penalty = ridge(
            torch.from_numpy(train), torch.from_numpy(data.judged.labels.copy()), len(data.labels)
        ).penalty
        reference = RidgeClassifier(alpha=penalty).fit((train - mean) / spread, data.judged.labels)
        assert epoch.validation_accuracy == pytest.approx(
            reference.score((new - mean) / spread, data.validation.labels)
        )


@pytest.mark.parametrize("regime", CONTRASTIVE)
def test_the_final_ridge_classifier_has_the_accuracy_of_the_best_epoch(
    regime: str, pretrained: Pretrained, data: Data
) -> None:
    """The last stage solves the same ridge regression. Its logits are calibrated, and it has one
    layer whatever `head_width` is."""
    epochs, model = run(
        regime, pretrained, data, epochs=3, classifier="ridge", head_width=10, **RIDGE
    )
    assert [epoch.stage for epoch in epochs] == ["contrastive"] * 3 + ["classifier"]
    assert (
        epochs[-1].best_validation_accuracy
        == epochs[-1].validation_accuracy
        == max(epoch.validation_accuracy for epoch in epochs[:3])
    )
    measured = scores(model.logits(data.validation), torch.from_numpy(data.validation.labels))
    assert (measured.accuracy, measured.loss) == (
        epochs[-1].validation_accuracy,
        epochs[-1].validation_loss,
    )
    assert measured.loss < np.log(len(data.labels)) and model.config.head_width is None


@pytest.mark.parametrize("shape", ["constant", "linear", "cosine"])
@pytest.mark.parametrize("regime", CONTRASTIVE)
def test_the_classifier_stage_can_have_an_optimiser_and_a_schedule_of_its_own(
    regime: str, shape: str, pretrained: Pretrained, data: Data
) -> None:
    """On an encoder that does not move, it is the classifier of a run that has them throughout."""
    still = {"learning_rate": 0.0, "sgd_learning_rate": 0.0, "sgd_head_learning_rate": 1.0}
    throughout = {"optimizer": "sgd", "schedule": shape, "warmup_ratio": 0.5}
    other_shape = "constant" if shape == "cosine" else "cosine"
    own = {f"head_{name}": value for name, value in throughout.items()}
    curves = [
        curve(run(regime, pretrained, data, head_epochs=3, **still, **values)[0])
        for values in (
            {"optimizer": "adamw", "schedule": other_shape, **own},
            throughout,
            {**throughout, "optimizer": "adamw"},
            {**throughout, "schedule": other_shape},
            {**throughout, "warmup_ratio": 0.0},
        )
    ]
    classifiers = [[e for e in epochs if e["stage"] == "classifier"] for epochs in curves]
    assert classifiers[0] == classifiers[1]
    assert all(classifiers[0] != other for other in classifiers[2:])


@pytest.mark.parametrize("views", ["head_dropout", "encoder_dropout"])
@pytest.mark.parametrize("projection", ["none", "linear", "mlp"])
@pytest.mark.parametrize("regime", CONTRASTIVE)
def test_every_way_to_make_views_and_project_them_trains_the_encoder(
    regime: str, projection: str, views: str, pretrained: Pretrained, data: Data
) -> None:
    encoder = pretrained.build()
    training = start(
        regime, encoder, data, epochs=1, projection=projection, views=views, dropout=0.2
    )
    epoch = next(training)
    training.close()
    assert epoch.train_loss is not None and np.isfinite(epoch.train_loss) and epoch.train_loss > 0
    assert any(
        not np.array_equal(array, pretrained.weights[name])
        for name, array in state(encoder).items()
    )


@pytest.mark.parametrize("regime", CONTRASTIVE)
def test_the_contrastive_loss_is_that_of_two_views_of_each_sentence(
    regime: str, pretrained: Pretrained, data: Data
) -> None:
    """With equal views, a learning rate of 0 and a single mini-batch, an epoch's loss is that of
    each vector twice."""
    bare = {**STILL, "batch_size": len(data.train), "temperature": 0.3}
    encoder = without_dropout(pretrained).build()
    epoch = next(start(regime, encoder, data, epochs=1, **bare))
    views = vectors(encoder, data.train).repeat(2, 1)
    labels = (
        torch.from_numpy(data.train.labels) if regime == "supcon" else torch.arange(len(data.train))
    )
    reference = {"supcon": SupConLoss, "simclr": NTXentLoss}[regime](temperature=0.3)(
        views, labels.repeat(2)
    )
    assert epoch.train_loss == pytest.approx(reference.item(), rel=1e-4)


@pytest.mark.parametrize("regime", CONTRASTIVE)
def test_views_by_the_encoders_dropout_differ_where_the_heads_would_not(
    regime: str, pretrained: Pretrained, data: Data
) -> None:
    bare = {**STILL, "epochs": 1}
    losses = {
        (name, views): next(start(regime, model.build(), data, views=views, **bare)).train_loss
        for name, model in (
            ("BERT's dropout", pretrained),
            ("no dropout", without_dropout(pretrained)),
        )
        for views in ("head_dropout", "encoder_dropout")
    }
    assert losses["no dropout", "head_dropout"] == pytest.approx(
        losses["no dropout", "encoder_dropout"], rel=1e-3
    )
    assert losses["BERT's dropout", "head_dropout"] != pytest.approx(
        losses["BERT's dropout", "encoder_dropout"], rel=1e-3
    )


@pytest.mark.parametrize(("regime", "views"), [("supcon", 2), ("supcon_joint", 1)])
def test_sentences_of_a_label_enter_a_mini_batch_together(
    regime: str, views: int, pretrained: Pretrained, data: Data
) -> None:
    """The epoch's loss is the mean of the mini-batches that have two of each label."""
    bare = {**STILL, "temperature": 0.3, "contrastive_weight": 1.0}
    encoder = without_dropout(pretrained).build()
    epoch = next(start(regime, encoder, data, epochs=1, sentences_per_label=2, **bare))
    encoded = Features(vectors(encoder, data.train), data.train.targets)
    reference = [
        SupConLoss(temperature=0.3)(
            batch.inputs.repeat(views, 1), batch.labels.repeat(views)
        ).item()
        for batch in MiniBatches(encoded, 16, seed=0, per_label=2).epoch(1)
    ]
    assert epoch.train_loss == pytest.approx(np.mean(reference), rel=1e-4)


@pytest.mark.parametrize(("regime", "uses_labels"), [("supcon", True), ("simclr", False)])
def test_only_supcon_uses_labels_in_the_contrastive_stage(
    regime: str, uses_labels: bool, pretrained: Pretrained, data: Data
) -> None:
    labels = np.random.default_rng(0).permutation(data.train.labels)
    shuffled = replace(data, train=replace(data.train, labels=labels))
    one, other = (
        next(start(regime, pretrained.build(), part, epochs=1)).train_loss
        for part in (data, shuffled)
    )
    assert (one != other) == uses_labels
