"""A saved folder in transformers and in sentence-transformers: the same scores, or an error."""

import ast
import importlib
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    CamembertConfig,
    MPNetConfig,
    PretrainedConfig,
    pipeline,
)
from transformers.activations import ACT2FN

from tests.trainables.parts.model.families import FAMILIES, SMALL
from trainables.parts.data.tokens import Data, tokenise
from trainables.parts.model import head as heads
from trainables.parts.model import modeling_regimen
from trainables.parts.model.classifier import MODELING, Classifier, vectors
from trainables.parts.model.head import Head
from trainables.parts.model.loading import load
from trainables.parts.model.pooling import POOLINGS, Pooling
from trainables.parts.model.pretrained import Pretrained
from trainables.parts.model.standard_head import (
    STANDARD_HEADS,
    from_standard,
    standard_head,
    to_standard,
)

CONFIGS: dict[str, PretrainedConfig] = FAMILIES | {
    "mpnet": MPNetConfig(**SMALL),
    "camembert": CamembertConfig(**SMALL),
}
LINEAR, TANH, RELU, GELU, NONE = (
    Head(head_width=None),
    *(Head(head_width=7, head_activation=name) for name in ("tanh", "relu", "gelu", "none")),
)
EXACT: dict[str, tuple[Head, ...]] = {"distilbert": (RELU,), "electra": (GELU,)} | dict.fromkeys(
    ("bert", "roberta", "xlm-roberta", "albert", "mpnet", "camembert"), (LINEAR, NONE, TANH)
)
"""The heads that each family's own class can have, by what its source says between its layers."""
TEXTS = ["please wake today", "play the guitar", "please " * 30 + "play"]


def saved(family: str, head: Head, tokenizer: Any, folder: Path) -> Classifier:
    """A classifier on a random encoder of a family, saved to `folder`/model."""
    torch.manual_seed(0)
    config = CONFIGS[family].from_dict(CONFIGS[family].to_dict() | {"vocab_size": len(tokenizer)})
    AutoModel.from_config(config).save_pretrained(folder / "pretrained")
    model = Classifier.new(load(str(folder / "pretrained")).build(), head, ("no", "yes", "maybe"))
    model.max_tokens = 20
    model.save(folder / "model", tokenizer)
    return model.eval()


def theirs(folder: Path, tokenizer: Any, **flags: Any) -> Tensor:
    """Probabilities (N, K) by `AutoModelForSequenceClassification`."""
    model = AutoModelForSequenceClassification.from_pretrained(folder, **flags).eval()
    inputs = tokenizer(TEXTS, padding=True, truncation=True, max_length=20, return_tensors="pt")
    with torch.inference_mode():
        return model(**inputs).logits.softmax(dim=1)


@pytest.mark.parametrize("family", EXACT)
def test_transformers_own_class_gives_the_same_scores(
    family: str, tokenizer: Any, tmp_path: Path
) -> None:
    model = saved(family, EXACT[family][0], tokenizer, tmp_path)
    expected = model.predict(TEXTS, tokenizer)
    actual = theirs(tmp_path / "model", tokenizer)
    torch.testing.assert_close(actual, expected, atol=1e-5, rtol=0)
    assert len(expected.unique(dim=0)) == len(TEXTS)
    assert not (tmp_path / "model" / MODELING).exists()
    loaded = Classifier.from_pretrained(tmp_path / "model")
    assert torch.equal(loaded.predict(TEXTS, tokenizer), expected)


OTHERS = [
    ("bert", Head(head_width=None, pooling="mean")),
    ("bert", RELU),
    ("roberta", Head(head_width=7, head_activation="gelu", pooling="mean")),
    ("distilbert", LINEAR),
    ("deberta-v2", TANH),
    ("modernbert", Head(head_width=7, head_activation="tanh", pooling="mean")),
]


@pytest.mark.parametrize(("family", "head"), OTHERS)
def test_other_heads_load_with_trust_remote_code_only(
    family: str, head: Head, tokenizer: Any, tmp_path: Path
) -> None:
    model, folder = saved(family, head, tokenizer, tmp_path), tmp_path / "model"
    with pytest.raises(RuntimeError, match="ignore_mismatched_sizes"):
        AutoModelForSequenceClassification.from_pretrained(folder)
    actual = theirs(folder, tokenizer, trust_remote_code=True)
    torch.testing.assert_close(actual, model.predict(TEXTS, tokenizer), atol=1e-5, rtol=0)


@pytest.mark.parametrize("head", [LINEAR, Head(head_width=None, pooling="mean")])
def test_pipelines_and_sentence_transformers_load_the_folder(
    head: Head, tokenizer: Any, tmp_path: Path
) -> None:
    """Long texts are truncated as in training."""
    model, folder = saved("bert", head, tokenizer, tmp_path), tmp_path / "model"
    flags = {} if model.has_standard_head else {"trust_remote_code": True}
    if flags:
        with pytest.raises(ValueError, match="Could not load model"):
            pipeline("text-classification", model=str(folder))
    classify = pipeline("text-classification", model=str(folder), **flags)
    rows = classify(TEXTS, top_k=None, truncation=True)
    by_label = [{row["label"]: row["score"] for row in scores} for scores in rows]
    expected = model.predict(TEXTS, tokenizer)
    for scores, row in zip(by_label, expected.tolist(), strict=True):
        assert scores == pytest.approx(dict(zip(model.labels, row)), abs=1e-5)

    sentence_transformers = pytest.importorskip("sentence_transformers")
    encoder = sentence_transformers.SentenceTransformer(str(folder), device="cpu")
    tokens, _ = tokenise(TEXTS, [0] * len(TEXTS), tokenizer, 20)
    torch.testing.assert_close(
        encoder.encode(TEXTS, convert_to_tensor=True),
        vectors(model.encoder, tokens),
        atol=1e-5,
        rtol=1e-5,
    )


def test_transformers_trainer_finds_the_loss(
    pretrained: Pretrained, data: Data, tokenizer: Any, tmp_path: Path
) -> None:
    model = Classifier.new(pretrained.build(), RELU, data.labels).eval()
    model.save(tmp_path, tokenizer)
    loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path, trust_remote_code=True)
    batch = data.validation.take(torch.arange(9).numpy())
    output = loaded.eval()(batch.inputs, batch.mask, labels=batch.labels)
    expected = torch.nn.functional.cross_entropy(model(batch), batch.labels)
    torch.testing.assert_close(output.loss, expected)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("family", [*CONFIGS])
def test_a_head_has_a_standard_form_where_it_is_exact(family: str, pooling: Pooling) -> None:
    """By its definition, also for vectors as large as an encoder's largest; and back again."""
    torch.manual_seed(0)
    vector = 8 * torch.randn(5, 32)
    exact = []
    for shape in (LINEAR, NONE, TANH, RELU, GELU, Head(head_width=33, head_activation="tanh")):
        config = Head.from_dict(shape.to_dict() | {"pooling": pooling})
        form = standard_head(CONFIGS[family], config)
        if form is None:
            continue
        exact.append(shape)
        head, other = (heads.build(config, 32, 3).eval() for _ in range(2))
        weights = to_standard(form, config, head)
        first, last = (
            (weights[f"{name}.weight"], weights[f"{name}.bias"]) for name in (form.first, form.last)
        )
        hidden = ACT2FN[form.activation](torch.nn.functional.linear(vector, *first))
        actual = torch.nn.functional.linear(hidden, *last)
        torch.testing.assert_close(actual, head(vector), atol=1e-5, rtol=1e-5)
        from_standard(form, config, other, weights)
        assert torch.equal(other(vector), head(vector))
    assert tuple(exact) == (EXACT.get(family, ()) if pooling == "cls" else ())


def test_the_copied_file_needs_torch_and_transformers_only() -> None:
    tree = ast.parse(Path(modeling_regimen.__file__).read_text())
    modules = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert modules == {"copy", "typing", "torch", "transformers"}
    assert modeling_regimen.ACTIVATIONS == heads.ACTIVATIONS


def test_every_class_that_is_named_exists() -> None:
    transformers = importlib.import_module("transformers")
    assert all(hasattr(transformers, form.name) for form in STANDARD_HEADS.values())
