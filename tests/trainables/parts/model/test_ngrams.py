"""The model of n-grams: scikit-learn's own pipeline as oracle, saved, reloaded and damaged."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import LinearSVC

from search.final.predictor import Predictor
from tests import tiny
from tests.trainables.runs import run
from trainables.parts.data.tokens import Data
from trainables.parts.model.ngrams import TOKEN, NgramClassifier
from trainables.parts.model.pretrained import Pretrained
from trainables.parts.model.text_classifier import load_folder

TEXTS = ["play a guitar song", "will it rain today", "zzz", "?!", "ça va bien", "wake me"]


@pytest.fixture(scope="module")
def model(pretrained: Pretrained, data: Data) -> NgramClassifier:
    _, trained = run("tfidf", pretrained, data)
    assert isinstance(trained, NgramClassifier)
    return trained


@pytest.fixture
def folder(tmp_path: Path, model: NgramClassifier) -> Path:
    model.save(tmp_path / "model")
    return tmp_path / "model"


def oracle(data: Data) -> Any:
    """scikit-learn's pipeline of the same parts, fitted to the training texts."""
    words = TfidfVectorizer(ngram_range=(1, 2), token_pattern=TOKEN, sublinear_tf=True)
    characters = TfidfVectorizer(ngram_range=(2, 5), analyzer="char_wb", sublinear_tf=True)
    pipeline = make_pipeline(make_union(words, characters), LinearSVC(random_state=0))
    return pipeline.fit(data.train.texts, data.train.labels)


def test_its_outputs_are_those_of_scikit_learns_pipeline_also_after_a_reload(
    model: NgramClassifier, folder: Path, data: Data
) -> None:
    texts = [*(data.validation.texts or ()), *TEXTS]
    expected = oracle(data).decision_function(texts)
    reloaded = NgramClassifier.from_pretrained(folder)
    assert np.array_equal(reloaded.decisions(texts), model.decisions(texts))
    np.testing.assert_allclose(reloaded.decisions(texts), expected, rtol=0, atol=1e-12)
    assert reloaded.labels == model.labels == data.labels
    assert torch.equal(reloaded.predict(texts), model.predict(texts))


def test_with_two_labels_it_decides_as_scikit_learn(pretrained: Pretrained, data: Data) -> None:
    train, validation = (
        replace(split, labels=split.labels % 2) for split in (data.train, data.validation)
    )
    binary = Data(train, validation, ("even", "odd"))
    _, model = run("tfidf", pretrained, binary)
    assert isinstance(model, NgramClassifier)
    decisions = model.decisions(TEXTS)
    expected = oracle(binary).decision_function(TEXTS)
    np.testing.assert_allclose(decisions[:, 1] - decisions[:, 0], expected, rtol=0, atol=1e-12)


def test_probabilities_are_the_softmax_of_the_scaled_outputs(model: NgramClassifier) -> None:
    scaled = model.scale * model.decisions(TEXTS)
    expected = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict(TEXTS).numpy(), expected, rtol=1e-4, atol=1e-7)


def test_a_folder_is_loaded_as_the_kind_that_wrote_it_and_classifies(
    folder: Path, model: NgramClassifier
) -> None:
    assert isinstance(load_folder(folder), NgramClassifier)
    (row,) = Predictor(folder).predict(["please play a song at home"])
    assert row["label"] == "music_play" and set(row["scores"]) == set(tiny.VERBS)
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json",
        "model.safetensors",
        "vocabulary.json",
    ]


def test_a_split_without_texts_is_refused(model: NgramClassifier, data: Data) -> None:
    with pytest.raises(ValueError, match="n-grams need the texts"):
        model.logits(replace(data.validation, texts=None))


def edited(folder: Path, change: Callable[[Any], None]) -> None:
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))


def shortened(folder: Path, name: str) -> None:
    weights = load_file(folder / "model.safetensors")
    save_file({**weights, name: weights[name][:-1].copy()}, folder / "model.safetensors")


DAMAGES: dict[str, Callable[[Path], object]] = {
    "no vocabulary": lambda folder: (folder / "vocabulary.json").unlink(),
    "not JSON": lambda folder: (folder / "vocabulary.json").write_text("[["),
    "another vocabulary": lambda folder: (folder / "vocabulary.json").write_text('[["a"], ["b"]]'),
    "one vocabulary": lambda folder: (folder / "vocabulary.json").write_text('[["a"]]'),
    "numbers": lambda folder: (folder / "vocabulary.json").write_text("[1, 2]"),
    "cut weights": lambda folder: shortened(folder, "weight"),
    "cut bias": lambda folder: shortened(folder, "bias"),
    "cut idf": lambda folder: shortened(folder, "idf.0"),
    "no weights": lambda folder: (folder / "model.safetensors").write_bytes(b"\0" * 16),
    "no scale": lambda folder: edited(folder, lambda config: config["regimen"].pop("scale")),
    "no labels": lambda folder: edited(folder, lambda config: config.pop("id2label")),
    "odd field": lambda folder: edited(folder, lambda c: c["regimen"]["ngrams"].update(x=1)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_folder_is_refused_in_one_line(damage: str, folder: Path) -> None:
    DAMAGES[damage](folder)
    with pytest.raises(ValueError, match=r"is not a folder that search\.train wrote") as refused:
        load_folder(folder)
    assert "\n" not in str(refused.value)


def test_weights_that_are_not_finite_are_refused(model: NgramClassifier) -> None:
    damaged = NgramClassifier(
        model.config, model.labels, model.fitted, model.weight * np.nan, model.bias, model.scale
    )
    with pytest.raises(ValueError, match="damaged"):
        damaged.predict(TEXTS)
