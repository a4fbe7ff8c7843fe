"""Smoothing and weights against the sums that define them, and in the regimes that have them."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch import Tensor

import trainables
from tests.trainables.runs import TRAINING, run
from trainables.parts.data.tokens import Data
from trainables.parts.model.pretrained import Pretrained
from trainables.parts.training.cross_entropy import CrossEntropy, cross_entropy

TRAIN = torch.tensor([0, 0, 0, 0, 1, 1, 2])
"""Of four labels; the last has no training row."""
WITH_CROSS_ENTROPY = [
    regime
    for regime in trainables.names()
    if issubclass(trainables.load(regime).Config, CrossEntropy)
]


def slow(logits: Tensor, targets: Tensor, smoothing: float, weights: list[float]) -> float:
    """Weighted mean over the sentences; a part of each target is spread over all labels."""
    total = 0.0
    for row, target in zip(logits.tolist(), targets.tolist()):
        log_sum = math.log(sum(math.exp(value) for value in row))
        for label, value in enumerate(row):
            wanted = (1 - smoothing) * (label == target) + smoothing / len(row)
            total += wanted * weights[label] * (log_sum - value)
    return total / sum(weights[target] for target in targets.tolist())


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_smoothed_and_weighted_loss_is_its_definition(smoothing: float) -> None:
    logits = torch.randn(5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    targets = torch.tensor([0, 2, 1, 0, 0])
    balanced = compute_class_weight("balanced", classes=np.arange(3), y=TRAIN.numpy()).tolist()
    balanced = [weight * 3 / 4 for weight in balanced]  # scikit-learn does not know the fourth
    for kind, weights in (("none", [1.0] * 4), ("balanced", [*balanced, 7 / 4])):
        config = CrossEntropy(
            label_smoothing=smoothing,
            class_weights=kind,  # type: ignore[arg-type]
        )
        loss = cross_entropy(config, TRAIN, 4)(logits, targets).item()
        assert loss == pytest.approx(slow(logits, targets, smoothing, weights), rel=1e-6)


@pytest.mark.parametrize("regime", WITH_CROSS_ENTROPY)
def test_every_regime_with_a_cross_entropy_minimises_the_changed_one(
    regime: str, data: Data, pretrained: Pretrained
) -> None:
    """The last epoch is one of the classifier, whose first mini-batch has equal weights."""
    unbalanced = np.flatnonzero(data.train.labels != 0)[:48].tolist()
    rows = np.array([*np.flatnonzero(data.train.labels == 0)[:1].tolist(), *unbalanced])
    few = replace(data, train=data.train.select(rows))

    def loss(**values: object) -> float:
        train_loss = run(regime, pretrained, few, epochs=1, **values)[0][-1].train_loss
        assert train_loss is not None
        return train_loss

    plain = loss()
    assert abs(loss(label_smoothing=0.2) - plain) > 1e-4
    assert abs(loss(class_weights="balanced") - plain) > 1e-5


def test_all_regimes_that_train_the_encoder_have_it() -> None:
    trains = [name for name in TRAINING if name not in ("untuned", "probe")]
    assert trains == WITH_CROSS_ENTROPY
