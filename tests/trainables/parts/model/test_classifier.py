"""The classifier against its slow definition, and saved and loaded."""

import json
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import gelu
from transformers import (
    AutoConfig,
    AutoModel,
    AutoTokenizer,
)

from tests.trainables.parts.model.families import FAMILIES
from trainables.parts.data.tokens import Data
from trainables.parts.model.classifier import Classifier, vectors
from trainables.parts.model.head import Head
from trainables.parts.model.loading import load
from trainables.parts.model.model_folder import WEIGHTS
from trainables.parts.model.pooling import POOLINGS, Pooling
from trainables.parts.model.pretrained import Pretrained, state

TEXTS = ["play a song", "", "wake me up please", "please " * 60]


def classifier(pretrained: Pretrained, data: Data, **head: Any) -> Classifier:
    torch.manual_seed(1)
    return Classifier.new(pretrained.build(), Head(**head), data.labels)


SHAPES = [
    {"head_width": None},
    *({"head_width": 10, "head_activation": name} for name in ("none", "relu", "gelu", "tanh")),
]


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("shape", SHAPES)
def test_logits_are_their_definition_sentence_by_sentence(
    pretrained: Pretrained,
    data: Data,
    model_folder: Path,
    shape: dict[str, Any],
    pooling: Pooling,
) -> None:
    model = classifier(pretrained, data, pooling=pooling, **shape)
    linear = [layer for layer in model.head.modules() if isinstance(layer, nn.Linear)]
    bert = AutoModel.from_pretrained(model_folder).eval()
    activation: Callable[[Tensor], Tensor] = {
        "relu": torch.relu,
        "gelu": gelu,
        "tanh": torch.tanh,
    }.get(shape.get("head_activation", ""), lambda x: x)
    split = data.validation
    expected = []
    with torch.no_grad():
        for start, end in zip(split.offsets, split.offsets[1:]):
            states = bert(
                input_ids=torch.from_numpy(split.ids[start:end].astype(np.int64))[None]
            ).last_hidden_state[0]
            x = states[0] if pooling == "cls" else states.mean(dim=0)
            if shape["head_width"] is None:
                x = linear[0].weight @ x + linear[0].bias
            else:
                x = activation(linear[0].weight @ x + linear[0].bias)
                x = linear[1].weight @ x + linear[1].bias
            expected.append(x)
    torch.testing.assert_close(model.logits(split), torch.stack(expected), atol=1e-4, rtol=1e-4)


def test_forward_without_dropout_is_logits(pretrained: Pretrained, data: Data) -> None:
    model = classifier(pretrained, data).eval()
    rows = np.arange(7)
    torch.testing.assert_close(
        model(data.validation.take(rows)), model.logits(data.validation)[:7], atol=1e-5, rtol=1e-5
    )


@pytest.mark.parametrize("training", [True, False])
def test_evaluation_leaves_the_mode_as_it_was(
    pretrained: Pretrained, data: Data, training: bool
) -> None:
    model = classifier(pretrained, data).train(training)
    assert torch.equal(model.logits(data.validation), model.logits(data.validation))
    assert model.encoder.training == training and model.head.training == training


def test_dropout_is_on_in_training(pretrained: Pretrained, data: Data) -> None:
    model = classifier(pretrained, data, dropout=0.5).train()
    batch = data.validation.take(np.arange(7))
    assert not torch.equal(model(batch), model(batch))


def test_predict_gives_probabilities_of_raw_texts(
    pretrained: Pretrained, data: Data, tokenizer: Any
) -> None:
    model = classifier(pretrained, data)
    probabilities = model.predict(TEXTS, tokenizer)
    assert probabilities.shape == (4, 4)
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(4))
    torch.testing.assert_close(
        probabilities[:1], model.predict(TEXTS[:1], tokenizer), atol=1e-6, rtol=1e-5
    )


def test_predict_cuts_long_texts_to_max_tokens(
    pretrained: Pretrained, data: Data, tokenizer: Any
) -> None:
    model = classifier(pretrained, data)
    model.max_tokens = 6
    long, cut = (
        model.predict(["please play a song today"], tokenizer),
        model.predict(["please play a song"], tokenizer),
    )
    torch.testing.assert_close(long, cut)


def test_predict_takes_no_texts(pretrained: Pretrained, data: Data, tokenizer: Any) -> None:
    assert classifier(pretrained, data).predict([], tokenizer).shape == (0, 4)


# Folders


@pytest.fixture
def saved(
    pretrained: Pretrained, data: Data, tokenizer: Any, tmp_path: Path
) -> tuple[Classifier, Path]:
    head = {"head_width": 7, "head_activation": "gelu", "pooling": "mean"}
    model = classifier(pretrained, data, dropout=0.3, **head)
    model.max_tokens = 17
    model.save(tmp_path / "model", tokenizer)
    return model, tmp_path / "model"


def test_a_saved_and_loaded_classifier_gives_the_same_numbers(
    saved: tuple[Classifier, Path], data: Data, tokenizer: Any
) -> None:
    model, folder = saved
    loaded = Classifier.from_pretrained(folder)
    assert torch.equal(loaded.logits(data.validation), model.logits(data.validation))
    assert torch.equal(
        loaded.predict(TEXTS, AutoTokenizer.from_pretrained(folder)),
        model.predict(TEXTS, tokenizer),
    )
    assert (loaded.labels, loaded.config, loaded.max_tokens) == (model.labels, model.config, 17)
    assert not loaded.training


def test_transformers_loads_a_saved_folder(
    saved: tuple[Classifier, Path], data: Data, tokenizer: Any
) -> None:
    model, folder = saved
    assert AutoConfig.from_pretrained(folder).id2label == dict(enumerate(data.labels))
    assert (
        AutoTokenizer.from_pretrained(folder)(TEXTS)["input_ids"] == tokenizer(TEXTS)["input_ids"]
    )
    encoder = AutoModel.from_pretrained(folder).eval()
    batch = data.validation.take(np.arange(9))
    inputs = {"input_ids": batch.inputs, "attention_mask": batch.mask}
    with torch.no_grad():
        ours = model.encoder.transformer.eval()(**inputs).last_hidden_state
        assert torch.equal(encoder(**inputs).last_hidden_state, ours)


def test_a_saved_folder_loads_as_a_pretrained_encoder(
    saved: tuple[Classifier, Path], data: Data
) -> None:
    model, folder = saved
    encoder = load(str(folder)).build()
    encoder.pooling = model.encoder.pooling
    assert torch.equal(vectors(encoder, data.validation), vectors(model.encoder, data.validation))


def test_a_model_trained_in_bf16_is_saved_in_float32(
    pretrained: Pretrained, data: Data, tokenizer: Any, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    model = Classifier.new(pretrained.build("bf16"), Head(), data.labels)
    model.save(tmp_path, tokenizer)
    loaded = Classifier.from_pretrained(tmp_path)
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}
    ours, theirs = state(model.encoder), state(loaded.encoder)
    assert (
        all(np.array_equal(array, theirs[name]) for name, array in ours.items())
        and ours.keys() == theirs.keys()
    )


def test_saved_folder_holds_no_pickle(saved: tuple[Classifier, Path]) -> None:
    _, folder = saved
    suffixes = {path.suffix for path in folder.rglob("*") if path.is_file()}
    assert suffixes <= {".json", ".safetensors", ".txt", ".py"}
    assert len(load_file(folder / WEIGHTS)) == len(state(saved[0].encoder)) + 4 + 1


def test_saving_leaves_the_pretrained_model_as_it_was(
    pretrained: Pretrained, data: Data, tokenizer: Any, tmp_path: Path
) -> None:
    before = pretrained.config.to_dict()
    classifier(pretrained, data).save(tmp_path, tokenizer)
    assert pretrained.config.to_dict() == before


@pytest.fixture(scope="module", params=FAMILIES)
def exported(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tokenizer: Any
) -> tuple[Classifier, Path]:
    """A classifier on an encoder of each family, in its folder."""
    folder = tmp_path_factory.mktemp(request.param)
    torch.manual_seed(0)
    AutoModel.from_config(FAMILIES[request.param]).save_pretrained(folder / "pretrained")
    model = Classifier.new(load(str(folder / "pretrained")).build(), Head(), ("no", "yes", "maybe"))
    model.save(folder / "model", tokenizer)
    return model, folder / "model"


def test_the_folder_of_every_family_loads_as_encoder_and_as_classifier(
    exported: tuple[Classifier, Path],
) -> None:
    model, folder = exported
    encoder, saved = AutoModel.from_pretrained(folder), model.encoder.transformer.state_dict()
    assert all(torch.equal(tensor, encoder.state_dict()[name]) for name, tensor in saved.items())
    loaded = Classifier.from_pretrained(folder).state_dict()
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in model.state_dict().items())
    assert AutoConfig.from_pretrained(folder).id2label == {0: "no", 1: "yes", 2: "maybe"}


def test_a_folder_of_an_earlier_version_still_loads(
    saved: tuple[Classifier, Path], data: Data
) -> None:
    """It has `architectures`, and no tensor named as one of transformers' own head."""
    model, folder = saved
    lose("classifier.bias")(folder)
    rewrite(architectures=["BertModel"])(folder)
    assert torch.equal(
        Classifier.from_pretrained(folder).logits(data.validation), model.logits(data.validation)
    )


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077])
def test_every_file_has_the_mode_of_the_umask(
    pretrained: Pretrained, data: Data, tokenizer: Any, tmp_path: Path, umask: int
) -> None:
    before = os.umask(umask)
    try:
        classifier(pretrained, data).save(tmp_path / "model", tokenizer)
    finally:
        os.umask(before)
    files = [path for path in (tmp_path / "model").rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o666 & ~umask}


def test_a_full_disk_is_an_oserror_of_one_line(
    saved: tuple[Classifier, Path], tokenizer: Any, tmp_path: Path
) -> None:
    model, folder = saved
    sizes = sorted(path.stat().st_size for path in folder.iterdir())
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # enough for all files but the weights
    resource.setrlimit(resource.RLIMIT_FSIZE, (sizes[-2], before[1]))
    try:
        with pytest.raises(OSError, match=WEIGHTS) as error:
            model.save(tmp_path / "full", tokenizer)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "\n" not in str(error.value)


def truncate(folder: Path) -> None:
    path = folder / WEIGHTS
    path.write_bytes(path.read_bytes()[:-8])


def lose(key: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        weights = load_file(folder / WEIGHTS)
        del weights[key]
        save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})

    return damage


def rewrite(**changes: Any) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        path = folder / "config.json"
        values = {**json.loads(path.read_text()), **changes}
        path.write_text(
            json.dumps({key: value for key, value in values.items() if value is not None})
        )

    return damage


DAMAGES: dict[str, Callable[[Path], object]] = {
    "truncated weights": truncate,
    "no weights": lambda folder: (folder / WEIGHTS).unlink(),
    "a head without its bias": lose("head.3.bias"),
    "an encoder without a layer's weight": lose("bert.encoder.layer.1.output.dense.weight"),
    "no config": lambda folder: (folder / "config.json").unlink(),
    "a config that is not JSON": lambda folder: (folder / "config.json").write_text("{"),
    "a config of a plain encoder": rewrite(regimen=None),
    "a config without the head": rewrite(regimen={"max_tokens": 64}),
    "a config with another head": rewrite(regimen={"head": {"head_width": 8}, "max_tokens": 64}),
    "a config with an impossible head": rewrite(
        regimen={"head": {"head_width": -1}, "max_tokens": 64}
    ),
    "a config whose regimen entry is a string": rewrite(regimen="yes"),
    "a config with other labels": rewrite(id2label={"0": "a", "1": "b"}),
}


@pytest.mark.parametrize("damage", ["gone", "of another shape"])
def test_a_damaged_head_in_standard_form_is_refused_in_one_line(
    pretrained: Pretrained, data: Data, tokenizer: Any, tmp_path: Path, damage: str
) -> None:
    classifier(pretrained, data, head_width=None).save(tmp_path, tokenizer)
    weights = load_file(tmp_path / WEIGHTS)
    layer = weights.pop("classifier.weight")
    weights |= {"classifier.weight": layer[0]} if damage == "of another shape" else {}
    save_file(weights, tmp_path / WEIGHTS)
    with pytest.raises(
        ValueError, match=r"its weights lack a classifier\.weight of shape"
    ) as error:
        Classifier.from_pretrained(tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_folder_is_refused_in_one_line(saved: tuple[Classifier, Path], damage: str) -> None:
    _, folder = saved
    DAMAGES[damage](folder)
    with pytest.raises(ValueError) as error:
        Classifier.from_pretrained(folder)
    assert f"'{folder}' is not a folder that search.train wrote: " in str(
        error.value
    ) and "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["absent", "absent/deeper", "file.txt"])
def test_a_path_that_is_not_a_folder_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "file.txt").write_text("hello")
    with pytest.raises(ValueError) as error:
        Classifier.from_pretrained(tmp_path / name)
    assert "is not a folder that search.train wrote" in str(error.value) and "\n" not in str(
        error.value
    )
