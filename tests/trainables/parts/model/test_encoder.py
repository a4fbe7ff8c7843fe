"""Encoders of the usual families, run and cut, against transformers itself."""

import pickle
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import AutoModel

from tests.trainables.parts.model.families import FAMILIES
from trainables.parts.data.tokens import Tokens
from trainables.parts.model.classifier import vectors, vectors_by_pooling
from trainables.parts.model.loading import load
from trainables.parts.model.pooling import POOLINGS, Pooling
from trainables.parts.model.pretrained import Pretrained, state


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


def one_by_one(folder: Path, tokens: Tokens) -> dict[Pooling, Tensor]:
    """transformers' last hidden state, pooled, one sentence at a time."""
    model = AutoModel.from_pretrained(folder).eval()
    rows = [
        torch.from_numpy(tokens.ids[start:end].astype(np.int64))[None]
        for start, end in zip(tokens.offsets, tokens.offsets[1:])
    ]
    with torch.no_grad():
        states = [
            model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state[0]
            for ids in rows
        ]
    return {
        "cls": torch.stack([state[0] for state in states]),
        "mean": torch.stack([state.mean(dim=0) for state in states]),
    }


def test_vectors_are_the_pooled_last_hidden_state(folders: dict[str, Path], family: str) -> None:
    model = load(str(folders[family]))
    tokens, encoder = tokens_of(model), model.build()
    expected = one_by_one(folders[family], tokens)
    together = vectors_by_pooling(encoder, tokens)
    for pooling in POOLINGS:
        encoder.pooling = pooling
        for actual in (vectors(encoder, tokens), together[pooling]):
            torch.testing.assert_close(actual, expected[pooling], atol=1e-5, rtol=1e-4)


def test_padding_does_not_change_a_sentences_vector(folders: dict[str, Path], family: str) -> None:
    model = load(str(folders[family]))
    tokens, encoder = tokens_of(model), model.build().eval()
    with torch.no_grad():
        together = encoder(tokens.take(np.arange(9)))
        alone = torch.cat([encoder(tokens.take(np.array([row]))) for row in range(9)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


def test_vectors_differ_from_sentence_to_sentence(folders: dict[str, Path], family: str) -> None:
    """Guards the two tests above, which a model with constant vectors would pass."""
    model = load(str(folders[family]))
    sentences = vectors(model.build(), tokens_of(model))
    assert (torch.cdist(sentences, sentences) + torch.eye(9)).min() > 1e-2


def test_every_parameter_is_in_exactly_one_layer(folders: dict[str, Path], family: str) -> None:
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
        return  # its layers share their weights
    assert len(levels) == FAMILIES[family].num_hidden_layers + 1
    for name, parameter in encoder.transformer.named_parameters():
        block = re.search(r"\blayers?\.(\d+)\.", name)
        if block:
            assert level_of[id(parameter)] == int(block[1]) + 1, name
        else:
            assert level_of[id(parameter)] in (0, len(levels) - 1), name


def test_the_encoder_has_no_pooler(folders: dict[str, Path], family: str) -> None:
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


def test_restored_has_the_trained_rows_and_scales_the_others_by_weight_decay(
    folders: dict[str, Path], family: str
) -> None:
    model = load(str(folders[family]))
    tokens = tokens_of(model)
    vocabulary = model.vocabulary(tokens)
    cut = model.cut(vocabulary)
    encoder = cut.build()
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.mul_(0.75)
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


def test_encoders_built_from_one_model_do_not_share_weights(pretrained: Pretrained) -> None:
    first, second = pretrained.build(), pretrained.build()
    before = {name: array.copy() for name, array in pretrained.weights.items()}
    with torch.no_grad():
        for parameter in first.parameters():
            parameter.fill_(7)
    assert all(np.array_equal(array, before[name]) for name, array in pretrained.weights.items())
    assert all(np.array_equal(array, before[name]) for name, array in state(second).items())


def test_a_model_survives_pickling(pretrained: Pretrained) -> None:
    copied: Pretrained = pickle.loads(pickle.dumps(pretrained))
    tokens = sentences(0)
    assert torch.equal(vectors(copied.build(), tokens), vectors(pretrained.build(), tokens))


def test_bf16_is_near_fp32_and_its_vectors_are_float32(
    folders: dict[str, Path], family: str
) -> None:
    model = load(str(folders[family]))
    tokens = tokens_of(model)
    full, half = vectors(model.build(), tokens), vectors(model.build("bf16"), tokens)
    assert half.dtype == torch.float32 and not torch.equal(half, full)
    # bfloat16 keeps 8 bits: each rounding has a relative error of 2^-8, and a layer rounds fewer
    # than 16 times in a row.
    assert (half - full).norm() / full.norm() < 2 * 16 * 2**-8


def test_bf16_leaves_buffers_in_float32(folders: dict[str, Path], family: str) -> None:
    """For example the frequencies of rotary positions: with 8 bits, distant positions would be
    confused."""
    model = load(str(folders[family]))
    buffers = [
        {name: buffer.dtype for name, buffer in model.build(precision).named_buffers()}
        for precision in ("fp32", "bf16")
    ]
    assert buffers[0] == buffers[1]
