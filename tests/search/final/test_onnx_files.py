"""ONNX files are added to a model's folder, measured and recorded."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from search import train
from search.final.folder import check_out
from search.final.onnx_files import OnnxScores, add_onnx
from search.final.record import SCORES, recipe_digest, write_record
from trainables.parts.data.tokens import Data
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.head import Head
from trainables.parts.model.loading import load_tokenizer
from trainables.parts.model.onnx_model import ONNX_FILES, OnnxModel
from trainables.parts.model.pretrained import Pretrained


def test_the_folder_stays_ours_and_records_what_was_measured(
    pretrained: Pretrained, data: Data, model_folder: Path, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    folder, split = tmp_path / "model", data.validation
    model = Classifier.new(pretrained.build("bf16"), Head(pooling="mean"), data.labels)
    model.save(folder, load_tokenizer(str(model_folder)))
    record = {"curves": {}, "summary": {}, "best_seed": 1, "configuration": {}}
    write_record(folder, record | {"recipe": recipe_digest({})})
    precise, small = add_onnx(folder, split, "validation")
    check_out(folder, {})
    written = json.loads((folder / SCORES).read_text())
    assert written["onnx"][0]["accuracy"] == precise.accuracy
    assert [scores["precision"] for scores in written["onnx"]] == ["fp32", "int8"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]

    logits = Classifier.from_pretrained(folder).logits(split)
    for scores in (precise, small):
        outputs = OnnxModel(folder / ONNX_FILES[scores.precision]).logits(split)
        assert scores.accuracy == (outputs.argmax(1) == split.targets).double().mean().item()
        assert scores.model_accuracy == (logits.argmax(1) == split.targets).double().mean().item()
        difference = (outputs.softmax(1) - logits.softmax(1)).abs().max().item()
        assert scores.largest_difference == pytest.approx(difference, abs=1e-6)
    assert precise.largest_difference < 1e-4


@pytest.mark.parametrize(("accuracy", "loses"), [(0.9, False), (0.8971, False), (0.8969, True)])
def test_more_than_three_tenths_of_a_point_is_a_loss(accuracy: float, loses: bool) -> None:
    assert OnnxScores("int8", accuracy, 0.9, 0.01, 1000).loses == loses


def test_a_model_without_an_encoder_is_refused_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "best.yaml"
    recipe.write_text(yaml.safe_dump(floor_recipe()))
    argv = [str(recipe), "--onnx", "--out", str(tmp_path / "model")]
    assert train.main([*argv, "--results", str(tmp_path)]) == 2
    out, errors = capsys.readouterr()
    assert out == "" and errors.count("\n") == 1
    assert "--onnx needs a regime with an encoder; 'tfidf' has none" in errors
    assert not (tmp_path / "model").exists()


def floor_recipe() -> dict[str, Any]:
    """An exported floor that reads text."""
    return {
        "regime": "tfidf",
        "config": {},
        "data": {"source": "embedded"},
        "model": {"source": "minilm"},
        "epochs": 1,
        "seed": 0,
        "precision": "fp32",
        "device": "cpu",
        "threads": 1,
        "max_tokens": 64,
    }
