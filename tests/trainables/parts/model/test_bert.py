"""BERT's layers with their own backward pass, against transformers and autograd."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor
from torch.nn.functional import gelu, layer_norm
from transformers import AutoModel, PretrainedConfig, PreTrainedModel

from trainables.parts.data.tokens import Batch
from trainables.parts.model.bert.dropout import dropout_mask
from trainables.parts.model.bert.forward import last_hidden_state, supports
from trainables.parts.model.encoder import Encoder
from trainables.parts.model.pooling import POOLINGS, Pooling, pool

SMALL: dict[str, Any] = {
    "vocab_size": 100,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
    "initializer_range": 0.2,
}
NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
FAMILIES = [
    transformers.BertConfig,
    transformers.RobertaConfig,
    transformers.XLMRobertaConfig,
    transformers.CamembertConfig,
]
OTHERS = [
    transformers.BertConfig(**SMALL, hidden_act="gelu_new"),
    transformers.BertConfig(**SMALL, hidden_act="relu"),
    transformers.AlbertConfig(**SMALL, embedding_size=16),
    transformers.ElectraConfig(**SMALL, embedding_size=16),
    transformers.DistilBertConfig(dim=32, n_layers=2, n_heads=2, hidden_dim=64, vocab_size=100),
]
SUMS = 1e-5
"""Tolerance for float32 sums of some thousand terms in different orders, relative to the
largest."""


def model(config: PretrainedConfig) -> PreTrainedModel:
    torch.manual_seed(0)
    transformer: PreTrainedModel = AutoModel.from_config(config)
    return Encoder(transformer).transformer.train()


def batch(padded: bool) -> Batch:
    torch.manual_seed(1)
    inputs = torch.randint(3, 100, (5, 7))
    if not padded:
        return Batch(inputs, None, torch.zeros(5))
    mask = (torch.arange(7) < torch.tensor([[7], [4], [1], [6], [7]])).long()
    return Batch(torch.where(mask == 1, inputs, 1), mask, torch.zeros(5))


def fast(
    transformer: Any,
    batch: Batch,
    pooling: Pooling = "cls",
    product_dtype: torch.dtype = torch.float32,
) -> Tensor:
    only_first = pooling == "cls"
    hidden = last_hidden_state(transformer, batch, product_dtype, only_first=only_first)
    return pool(hidden, batch.mask, pooling)


def reference(transformer: Any, batch: Batch, pooling: Pooling = "cls") -> Tensor:
    hidden = transformer(input_ids=batch.inputs, attention_mask=batch.mask).last_hidden_state
    return pooled_one_by_one(hidden, batch, pooling)


def pooled_one_by_one(hidden: Tensor, batch: Batch, pooling: Pooling) -> Tensor:
    real = torch.ones_like(batch.inputs) if batch.mask is None else batch.mask
    return torch.stack(
        [
            states[0] if pooling == "cls" else states[: int(row.sum())].mean(dim=0)
            for states, row in zip(hidden, real)
        ]
    )


def with_gradients(
    transformer: PreTrainedModel, forward: Callable[[], Tensor]
) -> tuple[Tensor, dict[str, Tensor]]:
    """The vectors, and every parameter's gradient of one fixed linear function of them."""
    transformer.zero_grad()
    torch.manual_seed(2)
    out = forward()
    (out * torch.linspace(-1, 1, out.numel()).view(out.shape)).sum().backward()
    return out.detach(), {
        name: parameter.grad
        for name, parameter in transformer.named_parameters()
        if parameter.grad is not None
    }


def same(
    actual: tuple[Tensor, dict[str, Tensor]],
    expected: tuple[Tensor, dict[str, Tensor]],
    tolerance: float = SUMS,
) -> None:
    scale = max(gradient.abs().max().item() for gradient in expected[1].values())
    assert (actual[0] - expected[0]).abs().max() <= tolerance * expected[0].abs().max()
    assert actual[1].keys() == expected[1].keys()
    for name, gradient in expected[1].items():
        assert (actual[1][name] - gradient).abs().max() <= tolerance * scale, name


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_vectors_and_gradients_are_those_of_transformers(
    family: type[PretrainedConfig], padded: bool, pooling: Pooling
) -> None:
    transformer, sentences = model(family(**SMALL, **NO_DROPOUT)), batch(padded)
    assert supports(transformer)
    ours = with_gradients(transformer, lambda: fast(transformer, sentences, pooling))
    same(ours, with_gradients(transformer, lambda: reference(transformer, sentences, pooling)))


def slow_definition(transformer: Any, sentences: Batch, pooling: Pooling) -> Tensor:
    """BERT with dropout, one product at a time, by autograd. Masks are drawn in the order of the
    fast implementation."""
    config = transformer.config
    hidden = transformer.embeddings(input_ids=sentences.inputs)
    sentences_, tokens, width = hidden.shape
    heads = config.num_attention_heads
    layers = transformer.encoder.layer
    for layer in layers:
        rows = 1 if layer is layers[-1] and pooling == "cls" else tokens
        real = (torch.ones_like(sentences.inputs) if sentences.mask is None else sentences.mask)[
            :, :rows
        ] == 1

        def split(x: Tensor) -> Tensor:
            return x.view(sentences_, -1, heads, width // heads).transpose(1, 2)

        def dropped(x: Tensor, dropout: float) -> Tensor:
            mask = dropout_mask(x.shape, dropout)
            return x * (torch.ones(x.shape) if mask is None else mask)

        def add(x: Tensor, residual: Tensor, norm: Any, real: Tensor = real) -> Tensor:
            total = residual.clone()
            total[real] += dropped(x[real], config.hidden_dropout_prob)
            return layer_norm(total, (width,), norm.weight, norm.bias, config.layer_norm_eps)

        attention = layer.attention.self
        q, k, v = (
            split(attention.query(hidden[:, :rows])),
            split(attention.key(hidden)),
            split(attention.value(hidden)),
        )
        scores = q @ k.transpose(-1, -2) / (width // heads) ** 0.5
        if sentences.mask is not None:
            scores = scores.masked_fill(sentences.mask[:, None, None, :] == 0, -torch.inf)
        context = dropped(scores.softmax(dim=-1), config.attention_probs_dropout_prob) @ v
        output = layer.attention.output.dense(
            context.transpose(1, 2).reshape(sentences_, rows, width)
        )
        hidden = add(output, hidden[:, :rows], layer.attention.output.LayerNorm)
        hidden = add(
            layer.output.dense(gelu(layer.intermediate.dense(hidden))),
            hidden,
            layer.output.LayerNorm,
            real,
        )
    return pooled_one_by_one(hidden, sentences, pooling)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("dropout", [(0.1, 0.1), (0.5, 0.0), (0.0, 0.3)], ids=str)
def test_dropout_has_the_slow_definitions_vectors_and_gradients(
    dropout: tuple[float, float], padded: bool, pooling: Pooling
) -> None:
    chances = {"hidden_dropout_prob": dropout[0], "attention_probs_dropout_prob": dropout[1]}
    transformer, sentences = model(transformers.BertConfig(**SMALL, **chances)), batch(padded)
    ours = with_gradients(transformer, lambda: fast(transformer, sentences, pooling))
    same(
        ours, with_gradients(transformer, lambda: slow_definition(transformer, sentences, pooling))
    )


def test_no_dropout_in_evaluation() -> None:
    transformer, sentences = model(transformers.BertConfig(**SMALL)).eval(), batch(True)
    with torch.inference_mode():
        assert torch.allclose(
            fast(transformer, sentences),
            reference(transformer, sentences),
            atol=SUMS,
        )


def test_bfloat16_is_as_near_to_float32_as_autocast_is() -> None:
    """Compares the errors against float32 of vectors and gradients: ours rounds no more often."""
    transformer, sentences = model(transformers.BertConfig(**SMALL, **NO_DROPOUT)), batch(True)

    def autocast() -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return reference(transformer, sentences).float()

    runs = (
        lambda: reference(transformer, sentences),
        lambda: fast(transformer, sentences, product_dtype=torch.bfloat16),
        autocast,
    )
    exact, ours, theirs = (
        torch.cat([out.flatten(), *(gradient.flatten() for gradient in gradients.values())])
        for out, gradients in (with_gradients(transformer, run) for run in runs)
    )
    assert 0 < (ours - exact).norm() <= 1.1 * (theirs - exact).norm()


@pytest.mark.parametrize(
    "config", OTHERS, ids=lambda config: f"{config.model_type}-{getattr(config, 'hidden_act', '')}"
)
def test_other_models_go_through_transformers(config: PretrainedConfig) -> None:
    transformer, sentences = model(config).eval(), batch(True)
    assert not supports(transformer)
    with torch.inference_mode():
        assert torch.equal(Encoder(transformer)(sentences), reference(transformer, sentences))


@pytest.mark.parametrize("dropout", [0.01, 0.1, 0.5, 0.9])
def test_a_mask_drops_each_unit_independently_with_its_probability(dropout: float) -> None:
    units = 400_003  # not a multiple of four
    torch.manual_seed(0)
    by = dropout_mask(torch.Size((units,)), dropout)
    assert by is not None and by.unique().tolist() == pytest.approx([0, 1 / (1 - dropout)])
    kept = (by > 0).double()
    for share, chance in (
        (kept, 1 - dropout),
        *((kept[shift:] * kept[:-shift], (1 - dropout) ** 2) for shift in (1, 2, 3, 4, 8)),
    ):
        assert (
            abs(share.mean() - chance) < 4.5 * (chance * (1 - chance) / units) ** 0.5 * 1.5
        )  # neighbours' products overlap
    torch.manual_seed(0)
    again = dropout_mask(torch.Size((units,)), dropout)
    assert again is not None and torch.equal(by, again)


def test_masks_at_the_ends() -> None:
    assert dropout_mask(torch.Size((8,)), 0.0) is None
    nothing = dropout_mask(torch.Size((8,)), 1.0)
    assert nothing is not None and not nothing.any()
