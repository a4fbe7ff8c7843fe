"""ONNX files give the classifier's own logits."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from trainables.parts.data import corpus
from trainables.parts.data.tokens import Data, Tokens, tokenise
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.head import Head
from trainables.parts.model.loading import MINILM, load, load_tokenizer
from trainables.parts.model.onnx_classifier import OnnxClassifier
from trainables.parts.model.onnx_model import ONNX_FILES, OnnxModel, require_onnx, write_onnx
from trainables.parts.model.pretrained import Pretrained

MORE_FAMILIES = [
    ("modernbert", "mean"),
    ("deberta-v2", "cls"),
    ("distilbert", "mean"),
    ("albert", "cls"),
    ("electra", "mean"),
]


def random_tokens(sizes: list[int]) -> Tokens:
    """Sentences of these lengths in tokens, over a vocabulary of 100."""
    ids = np.random.default_rng(0).integers(5, 100, sum(sizes)).astype(np.int32)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return Tokens(ids, offsets, np.zeros(len(sizes), dtype=np.int64), 0)


@pytest.mark.parametrize(
    ("family", "pooling"),
    [
        ("bert", "cls"),
        ("roberta", "mean"),
        *(pytest.param(*case, marks=pytest.mark.soak) for case in MORE_FAMILIES),
    ],
)
def test_float32_gives_the_classifiers_logits_at_every_size(
    family: str, pooling: Any, folders: dict[str, Path], tmp_path: Path
) -> None:
    """For batches of other shapes than the one that was traced, with and without padding."""
    torch.manual_seed(0)
    encoder = load(str(folders[family])).build()
    model = Classifier.new(encoder, Head(pooling=pooling), ("no", "yes", "maybe"))
    write_onnx(model, tmp_path)
    session = OnnxModel(tmp_path / ONNX_FILES["fp32"])
    for sizes in ([1], [3, 3], [5, 17, 2, 40, 8], [5] * 300):
        tokens = random_tokens(sizes)
        torch.testing.assert_close(
            session.logits(tokens), model.logits(tokens), atol=1e-5, rtol=1e-5
        )


def test_a_folders_onnx_file_classifies_texts(
    pretrained: Pretrained, data: Data, model_folder: Path, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    model = Classifier.new(pretrained.build(), Head(pooling="mean"), data.labels).eval()
    tokenizer = load_tokenizer(str(model_folder))
    model.save(tmp_path, tokenizer)
    with pytest.raises(ValueError, match="has no onnx/model"):
        OnnxClassifier.from_pretrained(tmp_path, "fp32")
    write_onnx(model, tmp_path)
    texts = ["wake me", "pizza for the three of us please", "rain"]
    loaded = OnnxClassifier.from_pretrained(tmp_path, "fp32")
    assert loaded.labels == data.labels
    torch.testing.assert_close(
        loaded.predict(texts, tokenizer), model.predict(texts, tokenizer), atol=1e-5, rtol=1e-5
    )
    (tmp_path / ONNX_FILES["int8"]).write_bytes(b"nothing")
    with pytest.raises(ValueError, match="cannot be loaded"):
        OnnxClassifier.from_pretrained(tmp_path, "int8")


@pytest.mark.soak
def test_minilm_as_float32_gives_the_probabilities_of_real_sentences(tmp_path: Path) -> None:
    sentences = corpus.read("embedded").validation.texts[:60]
    tokens, _ = tokenise(sentences, [0] * len(sentences), load_tokenizer(MINILM), 64)
    torch.manual_seed(0)
    head = Head(head_width=None, pooling="mean")
    model = Classifier.new(load(MINILM).build(), head, tuple(map(str, range(60))))
    write_onnx(model, tmp_path)
    logits = OnnxModel(tmp_path / ONNX_FILES["fp32"]).logits(tokens)
    torch.testing.assert_close(
        logits.softmax(dim=1), model.logits(tokens).softmax(dim=1), atol=1e-4, rtol=0
    )


def test_int8_leaves_the_head_in_float32(
    pretrained: Pretrained, data: Data, tmp_path: Path
) -> None:
    """A head with large weights, such as ridge regression's, loses its accuracy in int8."""
    torch.manual_seed(0)
    model = Classifier.new(pretrained.build(), Head(), data.labels)
    write_onnx(model, tmp_path)
    graph = onnx.load(tmp_path / ONNX_FILES["int8"]).graph
    products = [node.name for node in graph.node if node.op_type == "MatMulInteger"]
    assert len(products) == 12  # six in each of the tiny BERT's two layers
    assert not [name for name in products if name.startswith("/head/")]
    small, precise = (OnnxModel(tmp_path / ONNX_FILES[name]) for name in ("int8", "fp32"))
    logits, expected = (model.logits(data.validation) for model in (small, precise))
    assert not torch.equal(logits, expected)
    assert torch.corrcoef(torch.stack([logits.flatten(), expected.flatten()]))[0, 1] > 0.9


@pytest.mark.parametrize("missing", [["onnx"], ["onnxruntime"], ["onnx", "onnxruntime"]])
def test_missing_packages_are_one_line_with_the_command_that_installs_them(
    missing: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    find_spec = importlib.util.find_spec

    def without(name: str) -> Any:
        return None if name in missing else find_spec(name)

    require_onnx("--onnx")
    monkeypatch.setattr(importlib.util, "find_spec", without)
    with pytest.raises(ValueError) as error:
        require_onnx("--onnx")
    assert all(name in str(error.value) for name in missing)
    assert "pip install -e '.[onnx]'" in str(error.value) and "\n" not in str(error.value)
