"""Calibration and the threshold from which on a model answers."""

import copy
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from search import predict
from search.final.confidence import Answered, Confidence, calibrate, lowest_threshold
from search.final.predictor import Predictor
from search.final.record import SCORES
from tests.tiny import sentences
from trainables.parts.data.tokens import Data
from trainables.parts.model.classifier import Classifier, vectors
from trainables.parts.model.head import Head
from trainables.parts.model.loading import load_tokenizer
from trainables.parts.model.pretrained import Pretrained
from trainables.parts.training.ridge import ridge


def slow_threshold(confidences: Tensor, right: Tensor, wanted: float) -> float | None:
    """By its definition."""
    thresholds = [
        float(threshold)
        for threshold in confidences
        if right[confidences >= threshold].double().mean() >= wanted
    ]
    return min(thresholds, default=None)


@pytest.mark.parametrize("wanted", [0.0, 0.3, 0.5, 0.75, 0.9, 1.0])
@pytest.mark.parametrize("values", [4, 1000])
def test_the_threshold_is_the_lowest_with_the_precision(wanted: float, values: int) -> None:
    """Few values make many ties."""
    random = np.random.default_rng(0)
    for _ in range(50):
        size = random.integers(1, 40)
        confidences = torch.from_numpy(random.integers(1, values, size) / values)
        right = torch.from_numpy(random.random(size)) < confidences
        threshold = lowest_threshold(confidences, right, wanted)
        assert threshold == slow_threshold(confidences, right, wanted)


@pytest.fixture
def model(pretrained: Pretrained, data: Data) -> Classifier:
    """A model that has learned something and is far too sure."""
    encoder = pretrained.build()
    model = Classifier.new(encoder, Head(head_width=None, pooling="mean"), data.labels)
    fitted = ridge(vectors(encoder, data.train), data.train.targets, len(data.labels))
    (layer,) = (layer for layer in model.head if isinstance(layer, nn.Linear))
    with torch.no_grad():
        layer.weight.copy_(fitted.weight)
        layer.bias.copy_(fitted.bias)
    model.scale_logits(30)
    return model.eval()


def test_the_temperature_minimises_the_loss_and_changes_no_label(
    model: Classifier, data: Data
) -> None:
    split = data.validation
    before = model.logits(split)
    confidence = calibrate(model, split, None, 0.5)
    after = model.logits(split)
    torch.testing.assert_close(after, before / confidence.temperature, atol=1e-4, rtol=1e-4)
    assert torch.equal(before.argmax(dim=1), after.argmax(dim=1))
    losses = [cross_entropy(after * scale, split.targets) for scale in (0.8, 0.9, 1, 1.1, 1.2)]
    assert all(left > right for left, right in pairwise(losses[:3]))
    assert all(left < right for left, right in pairwise(losses[2:]))


def test_the_test_split_chooses_nothing(model: Classifier, data: Data) -> None:
    """It is only counted at the threshold that validation gave."""
    confidence = calibrate(model, data.validation, data.train, 0.3)
    assert confidence.threshold is not None
    logits = model.logits(data.train)
    answered = logits.softmax(dim=1).amax(dim=1) >= confidence.threshold
    correct = int((logits.argmax(dim=1) == data.train.targets)[answered].sum())
    assert confidence.test == Answered(len(data.train), int(answered.sum()), correct)
    again = calibrate(model, data.validation, None, 0.3)
    assert again.threshold == pytest.approx(confidence.threshold, abs=1e-3)


def test_a_model_that_was_trained_on_validation_is_calibrated_by_held_out_logits(
    model: Classifier, data: Data
) -> None:
    split = data.validation
    held_out = torch.randn(len(split), len(data.labels), generator=torch.Generator().manual_seed(0))
    held_out[torch.arange(len(split)), split.targets] += 2
    before, own = model.logits(split), calibrate(copy.deepcopy(model), split, None, 0.5)
    confidence = calibrate(model, split, None, 0.5, held_out)
    assert confidence.temperature != pytest.approx(own.temperature, rel=0.05)
    scaled = held_out / confidence.temperature
    losses = [cross_entropy(scaled * scale, split.targets) for scale in (0.9, 1, 1.1)]
    assert losses[1] == min(losses)
    torch.testing.assert_close(
        model.logits(split), before / confidence.temperature, atol=1e-4, rtol=1e-4
    )
    sure = scaled.softmax(dim=1).amax(dim=1) >= (confidence.threshold or 0)
    right = int((held_out.argmax(dim=1) == split.targets)[sure].sum())
    assert confidence.validation == Answered(len(split), int(sure.sum()), right)


def test_the_line_says_how_many_are_answered_and_how_many_rightly() -> None:
    confidence = Confidence(1.0, 0.95, 0.7, Answered(200, 150, 144), Answered(100, 0, 0))
    assert str(confidence) == (
        "confidence 0.700 or more: on validation 75.0 % of 200 texts answered, 96.0 % of the"
        " answers right; on test 0.0 % of 100 texts answered"
    )
    assert "none gives a precision of 0.95" in str(Confidence(1.0, 0.95, None, None, None))


@pytest.fixture
def folder(model: Classifier, data: Data, model_folder: Path, tmp_path: Path) -> Path:
    """The saved model, with a threshold between its probabilities."""
    calibrate(model, data.validation, None, 0.5)
    model.save(tmp_path / "model", load_tokenizer(str(model_folder)))
    texts = [text for text, _ in sentences()]
    scores = [row["score"] for row in Predictor(tmp_path / "model").predict(texts)]
    record(tmp_path / "model", {"threshold": float(np.median(scores))})
    return tmp_path / "model"


def record(folder: Path, confidence: Any) -> None:
    (folder / SCORES).write_text(json.dumps({"confidence": confidence}))


def test_predict_answers_null_below_the_threshold(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    threshold = json.loads((folder / SCORES).read_text())["confidence"]["threshold"]
    texts = [text for text, _ in sentences()]
    answers: dict[str, list[dict[str, Any]]] = {}
    for flag in ("0", "auto", str(threshold), "1"):
        assert predict.main([str(folder), "--min-confidence", flag, *texts]) == 0
        answers[flag] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    always = [row["label"] for row in answers["0"]]
    sure = [row["score"] >= threshold for row in answers["0"]]
    assert None not in always and 0 < sum(sure) < len(sure)
    expected = [label if is_sure else None for label, is_sure in zip(always, sure)]
    assert [row["label"] for row in answers["auto"]] == expected
    assert answers["auto"] == answers[str(threshold)]
    assert {row["label"] for row in answers["1"]} == {None}


@pytest.mark.parametrize("value", ["-0.1", "1.1", "nan", "sure", ""])
def test_a_confidence_that_is_none_is_refused_in_one_line(
    value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict.main(["model", f"--min-confidence={value}", "hello"]) == 2
    out, errors = capsys.readouterr()
    assert out == "" and errors.count("\n") == 1 and "auto or a number from 0 to 1" in errors


@pytest.mark.parametrize(
    "values",
    [{}, {"confidence": None}, {"confidence": {"threshold": None}}, {"confidence": {}}, [], None]
    + [{"confidence": {"threshold": threshold}} for threshold in ("0.5", 2, True)],
)
def test_auto_without_a_threshold_is_refused_in_one_line(
    values: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if values is not None:
        (tmp_path / SCORES).write_text(json.dumps(values))
    assert predict.main([str(tmp_path), "--min-confidence", "auto", "hello"]) == 2
    out, errors = capsys.readouterr()
    assert out == "" and errors.count("\n") == 1 and "has no threshold (" in errors
