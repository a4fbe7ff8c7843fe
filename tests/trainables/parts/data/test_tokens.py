"""Ragged token arrays against naive padding, and how splits are cut into batches."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from trainables.parts.data.batches import EVALUATION_TOKENS, MiniBatches, by_length
from trainables.parts.data.tokens import Batch, Data, Features, Tokens, tokenise

PAD = 9


def ragged(count: int, longest: int = 12, seed: int = 0) -> Tokens:
    """Sentences of random ids and lengths; the label of each is its row."""
    random = np.random.default_rng(seed)
    lengths = random.integers(1, longest + 1, count)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Tokens(
        random.integers(10, 100, offsets[-1]).astype(np.int32),
        offsets,
        np.arange(count, dtype=np.int64),
        PAD,
    )


def sentence(tokens: Tokens, row: int) -> list[int]:
    return tokens.ids[tokens.offsets[row] : tokens.offsets[row + 1]].tolist()


def naive(tokens: Tokens, rows: list[int]) -> tuple[list[list[int]], list[list[int]]]:
    """Ids and mask of `rows`, padded one by one."""
    sentences = [sentence(tokens, row) for row in rows]
    longest = max(map(len, sentences))
    return [ids + [PAD] * (longest - len(ids)) for ids in sentences], [
        [1] * len(ids) + [0] * (longest - len(ids)) for ids in sentences
    ]


@pytest.mark.parametrize("rows", [[0], [3, 1, 2], [5, 5, 0], list(range(40)), [39, 0]])
def test_take_pads_as_one_would_by_hand(rows: list[int]) -> None:
    tokens = ragged(40)
    batch = tokens.take(np.array(rows))
    inputs, mask = naive(tokens, rows)
    assert batch.inputs.tolist() == inputs
    assert (torch.ones_like(batch.inputs) if batch.mask is None else batch.mask).tolist() == mask
    assert batch.labels.tolist() == rows


def test_sentences_of_one_length_have_no_mask() -> None:
    tokens = ragged(60)
    rows = np.flatnonzero(tokens.lengths == tokens.lengths[0])
    assert len(rows) > 1
    assert tokens.take(rows).mask is None


@pytest.mark.parametrize("rows", [[0], [3, 1, 2], [5, 5, 0], list(range(40))])
def test_select_keeps_sentences_and_labels_in_the_order_of_the_rows(rows: list[int]) -> None:
    tokens = ragged(40)
    selected = tokens.select(np.array(rows))
    assert [sentence(selected, row) for row in range(len(rows))] == [
        sentence(tokens, row) for row in rows
    ]
    assert selected.labels.tolist() == rows and selected.pad == PAD
    assert selected.ids.dtype == np.int32 and selected.offsets.dtype == np.int64


def test_renumbered_sentences_are_the_same_in_the_cut_vocabulary() -> None:
    tokens = ragged(30)
    vocabulary = np.concatenate([[PAD], np.unique(tokens.ids)])
    cut = tokens.renumbered(vocabulary, pad=0)
    assert vocabulary[cut.ids].tolist() == tokens.ids.tolist()
    assert cut.ids.dtype == tokens.ids.dtype and cut.pad == 0
    assert np.array_equal(cut.offsets, tokens.offsets) and np.array_equal(cut.labels, tokens.labels)


def rows_of(batches: list[Batch]) -> list[list[int]]:
    return [batch.labels.tolist() for batch in batches]


COUNT = 263


@pytest.mark.parametrize("batch_size", [1, 4, 7, COUNT, 2 * COUNT])
@pytest.mark.parametrize("kind", ["tokens", "features"])
def test_an_epoch_has_each_sentence_exactly_once(batch_size: int, kind: str) -> None:
    examples = (
        ragged(COUNT) if kind == "tokens" else Features(torch.randn(COUNT, 3), torch.arange(COUNT))
    )
    batches = MiniBatches(examples, batch_size, seed=0)
    drawn = rows_of(list(batches.epoch(1)))
    assert Counter(row for rows in drawn for row in rows) == dict.fromkeys(range(COUNT), 1)
    assert len(drawn) == len(batches) == -(-COUNT // batch_size)
    assert sorted(map(len, drawn))[1:] == [min(batch_size, COUNT)] * (len(drawn) - 1)


@pytest.mark.parametrize("kind", ["tokens", "features"])
def test_mini_batches_depend_on_seed_and_epoch_alone(kind: str) -> None:
    examples = (
        ragged(COUNT) if kind == "tokens" else Features(torch.randn(COUNT, 3), torch.arange(COUNT))
    )
    first, again, other = (MiniBatches(examples, 4, seed) for seed in (0, 0, 1))
    list(again.epoch(1))  # earlier epochs make no difference
    assert rows_of(list(first.epoch(2))) == rows_of(list(again.epoch(2)))
    assert rows_of(list(first.epoch(1))) != rows_of(list(first.epoch(2)))
    assert rows_of(list(first.epoch(1))) != rows_of(list(other.epoch(1)))


def test_mini_batches_hold_the_sentences_of_their_labels() -> None:
    tokens = ragged(COUNT)
    for batch in MiniBatches(tokens, 4, 0).epoch(1):
        assert batch.inputs.tolist() == naive(tokens, batch.labels.tolist())[0]


def test_mini_batches_are_pieces_of_one_permutation_whatever_the_lengths() -> None:
    """Sorting by length would change which sentences a contrastive loss compares."""
    drawn = [
        row
        for rows in rows_of(list(MiniBatches(ragged(COUNT), 4, seed=5).epoch(2)))
        for row in rows
    ]
    assert drawn == np.random.default_rng([5, 2]).permutation(COUNT).tolist()


@pytest.mark.parametrize("size", [1, 50, COUNT - 1, COUNT, COUNT + 5, 3 * COUNT])
def test_epochs_of_fewer_sentences_go_on_where_the_one_before_ended(size: int) -> None:
    batches = MiniBatches(ragged(COUNT), 4, seed=5, size=size)
    rows = [rows_of(list(batches.epoch(number))) for number in (1, 2, 3, 4)]
    assert {len(epoch) for epoch in rows} == {len(batches)} == {-(-size // 4)}
    passes = [
        row
        for number in range(1, 4 * size // COUNT + 2)
        for row in np.random.default_rng([5, number]).permutation(COUNT).tolist()
    ]
    assert [row for epoch in rows for batch in epoch for row in batch] == passes[: 4 * size]


def test_an_epoch_of_fewer_sentences_is_judged_by_as_many() -> None:
    tokens = replace(ragged(COUNT), labels=np.arange(COUNT) % 7)
    data = Data(tokens, tokens, tuple("abcdefg"), epoch_size=21)
    assert data.per_epoch == len(data.judged) == 21
    assert np.bincount(data.judged.labels).tolist() == [3] * 7
    assert data.judged.ids.tolist() == replace(data, encoded=None).judged.ids.tolist()
    whole = replace(data, epoch_size=None)
    assert whole.judged is tokens and whole.per_epoch == COUNT


@pytest.mark.parametrize("count", [0, 1, 500])
def test_by_length_gives_each_sentence_once_within_the_limit(count: int) -> None:
    tokens = ragged(count, longest=20)
    seen = []
    for rows, batch in by_length(tokens):
        seen += rows.tolist()
        assert batch.labels.tolist() == rows.tolist()
        assert batch.inputs.numel() <= EVALUATION_TOKENS
    assert sorted(seen) == list(range(count))


def test_by_length_gives_a_sentence_longer_than_the_limit_alone() -> None:
    size = EVALUATION_TOKENS + 1
    tokens = Tokens(
        np.ones(size + 2, np.int32), np.array([0, 1, size + 1, size + 2]), np.arange(3), PAD
    )
    assert [rows.tolist() for rows, _ in by_length(tokens)] == [[0, 2], [1]]


TEXTS = ["play a song", "wake me up please today", "zzz", "\U0001f60a"]


def test_tokenise_is_the_tokenizer_sentence_by_sentence(tokenizer: Any) -> None:
    tokens, cut = tokenise(TEXTS, [3, 2, 1, 0], tokenizer, 64)
    assert [sentence(tokens, row) for row in range(4)] == [
        tokenizer(text)["input_ids"] for text in TEXTS
    ]
    assert (
        tokens.labels.tolist() == [3, 2, 1, 0] and tokens.pad == tokenizer.pad_token_id and cut == 0
    )
    assert tokens.ids.dtype == np.int32


@pytest.mark.parametrize("limit", [3, 5, 8])
def test_tokenise_cuts_long_sentences_and_counts_them(tokenizer: Any, limit: int) -> None:
    tokens, cut = tokenise(TEXTS, [0] * 4, tokenizer, limit)
    full = [tokenizer(text)["input_ids"] for text in TEXTS]
    assert cut == sum(len(ids) > limit for ids in full)
    assert [sentence(tokens, row) for row in range(4)] == [
        ids if len(ids) <= limit else [*ids[: limit - 1], tokenizer.sep_token_id] for ids in full
    ]


def test_tokenise_takes_no_texts(tokenizer: Any) -> None:
    tokens, cut = tokenise([], [], tokenizer, 64)
    assert len(tokens) == 0 and len(tokens.ids) == 0 and cut == 0
