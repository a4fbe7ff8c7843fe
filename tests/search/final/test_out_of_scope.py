"""Texts without an intent are told by confidence, and the measures are those of the literature."""

from typing import Any

import pytest
import torch

from search.final.out_of_scope import Detection, detection, measure
from trainables.parts.data.tokens import Data
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.head import Head
from trainables.parts.model.pretrained import Pretrained


def test_the_measures_are_their_definitions() -> None:
    random = torch.Generator().manual_seed(0)
    inside = (torch.rand(97, generator=random) * 20).round() / 20  # with ties
    outside = (torch.rand(43, generator=random) * 15).round() / 20
    pairs = [(float(a > b) + float(a == b) / 2) for a in inside for b in outside]
    thresholds = [t for t in inside if (inside >= t).double().mean() >= 0.95]
    measured = detection(inside, outside, 0.4)
    assert measured.auroc == pytest.approx(sum(pairs) / len(pairs))
    assert measured.fpr95 == pytest.approx((outside >= max(thresholds)).double().mean().item())
    assert measured.recall == pytest.approx((outside < 0.4).double().mean().item())
    assert (measured.in_scope, measured.out_of_scope) == (97, 43)


def test_perfect_and_hopeless_detectors() -> None:
    high, low = torch.full((20,), 0.9), torch.full((5,), 0.2)
    assert detection(high, low, 0.5) == Detection(20, 5, 1.0, 0.0, 1.0)
    assert detection(low, high, None) == Detection(5, 20, 0.0, 1.0, None)


@pytest.mark.parametrize(
    ("out", "expected"),
    [
        ({}, {}),
        ({"test": 4}, {"test": 4}),
        ({"train": 3, "test": 4}, {"validation": 3, "test": 4}),
        ({"train": 3, "validation": 2}, {"validation": 5}),
    ],
)
def test_texts_of_train_count_to_validation(
    out: dict[str, int], expected: dict[str, int], pretrained: Pretrained, data: Data
) -> None:
    torch.manual_seed(0)
    model = Classifier.new(pretrained.build(), Head(), data.labels)
    outside: Any = {name: data.train.select(torch.arange(n).numpy()) for name, n in out.items()}
    scope = {"validation": data.validation, "test": data.validation}
    detections = measure(model, scope, outside, 0.5)
    assert {split: own.out_of_scope for split, own in detections.items()} == expected
    assert not measure(model, {}, outside, 0.5)
