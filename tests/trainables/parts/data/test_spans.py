"""Random spans against their definition, one sentence at a time."""

import math

import pytest
import torch
from torch import Tensor

from trainables.parts.data.spans import random_spans
from trainables.parts.data.tokens import Batch, Data


def by_hand(batch: Batch, shortest: float, word_dropout: float) -> list[list[int]]:
    """The tokens of each span, from the same random numbers."""
    B, T = batch.inputs.shape
    fractions, starts, losses = torch.rand(B), torch.rand(B), torch.rand(B, T)
    spans = []
    for row in range(B):
        real = T if batch.mask is None else int(batch.mask[row].sum())
        first, *middle, last = batch.inputs[row, :real].tolist()
        fraction = shortest + (1 - shortest) * fractions[row].item()
        size = max(1, math.ceil(fraction * len(middle)))
        start = int(starts[row] * (len(middle) - size + 1))
        span = middle[start : start + size]
        lost = losses[row, 1 + start : 1 + start + size] < word_dropout
        rest = [token for token, gone in zip(span, lost.tolist(), strict=True) if not gone]
        spans.append([first, *(rest or span), last])
    return spans


def tokens(batch: Batch) -> list[list[int]]:
    mask = torch.ones_like(batch.inputs) if batch.mask is None else batch.mask
    return [row[real.bool()].tolist() for row, real in zip(batch.inputs, mask)]


def some(data: Data) -> Batch:
    lengths = torch.from_numpy(data.train.lengths)
    return data.train.take(lengths.argsort()[:: len(lengths) // 24].numpy()).twice()


@pytest.mark.parametrize("word_dropout", [0.0, 0.3, 0.99])
@pytest.mark.parametrize("shortest", [0.0, 0.5, 1.0])
def test_a_span_is_what_its_definition_says(
    shortest: float, word_dropout: float, data: Data
) -> None:
    batch = some(data)
    torch.manual_seed(3)
    spans = random_spans(batch, shortest, word_dropout)
    torch.manual_seed(3)
    assert tokens(spans) == by_hand(batch, shortest, word_dropout)
    assert torch.equal(spans.labels, batch.labels)
    if spans.mask is not None:
        assert spans.mask.sum(dim=1).max() == spans.inputs.shape[1]


def test_a_whole_span_without_word_dropout_is_the_sentence(data: Data) -> None:
    batch = some(data)
    assert tokens(random_spans(batch, 1.0, 0.0)) == tokens(batch)


@pytest.mark.parametrize("mask", [torch.tensor([[1, 1, 1], [1, 1, 0], [1, 0, 0]]), None])
def test_sentences_of_special_tokens_alone_stay_as_they_are(mask: Tensor | None) -> None:
    width = 3 if mask is not None else 2
    batch = Batch(torch.arange(3 * width).view(3, width), mask, torch.arange(3))
    for seed in range(20):
        torch.manual_seed(seed)
        assert tokens(random_spans(batch, 0.0, 0.9)) == tokens(batch)


def test_two_spans_of_one_sentence_differ(data: Data) -> None:
    torch.manual_seed(0)
    one, other = torch.tensor(range(len(some(data).labels))).chunk(2)
    spans = tokens(random_spans(some(data), 0.3, 0.0))
    assert any(spans[a] != spans[b] for a, b in zip(one.tolist(), other.tolist()))
