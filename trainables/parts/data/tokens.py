"""Sentences as ragged arrays of token ids, and the mini-batches cut from them.

Shape letters, here and in the other parts: N sentences, B batch, T tokens of a sentence, D width, K
intents.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from trainables.parts.quote import quoted

EVALUATION_TOKENS = 1024
"""Padded tokens in a batch without gradients: measured best on CPU, where 4096 took 1.2 times as
long."""


@dataclass(frozen=True)
class Batch:
    """One mini-batch:

    `inputs` are token ids (B, T) or features (B, D), `mask` (B, T) marks real tokens, `labels` is
    (B,).
    """

    inputs: Tensor
    mask: Tensor | None
    labels: Tensor

    def to(self, device: torch.device) -> "Batch":
        """The same batch on a device."""
        mask = None if self.mask is None else self.mask.to(device, non_blocking=True)
        return Batch(
            self.inputs.to(device, non_blocking=True),
            mask,
            self.labels.to(device, non_blocking=True),
        )

    def twice(self) -> "Batch":
        """The batch and, after it, the batch again."""
        mask = None if self.mask is None else self.mask.repeat(2, 1)
        return Batch(self.inputs.repeat(2, 1), mask, self.labels.repeat(2))


@dataclass(frozen=True)
class Tokens:
    """A split, tokenised: sentence i is `ids[offsets[i]:offsets[i + 1]]`.

    `ids` is int32 (tokens of all sentences,), `offsets` int64 (N + 1,), `labels` int64 (N,), `pad`
    the id that fills up a batch.
    """

    ids: np.ndarray
    offsets: np.ndarray
    labels: np.ndarray
    pad: int

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each sentence, (N,)."""
        return np.diff(self.offsets)

    def take(self, rows: np.ndarray) -> Batch:
        """The sentences `rows`, padded to the longest of them; no mask where they are all of one
        length."""
        lengths = self.lengths[rows]
        real = np.arange(lengths.max()) < lengths[:, None]  # (B, T)
        first = np.repeat(
            self.offsets[rows] - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths
        )
        inputs = np.full(real.shape, self.pad, dtype=np.int64)
        inputs[real] = self.ids[first + np.arange(lengths.sum())]
        mask = None if real.all() else torch.from_numpy(real.astype(np.int64))
        return Batch(torch.from_numpy(inputs), mask, torch.from_numpy(self.labels[rows]))

    def renumbered(self, vocabulary: np.ndarray, pad: int) -> "Tokens":
        """The same sentences in the ids of a cut vocabulary: id `vocabulary[j]` becomes j."""
        table = np.full(int(vocabulary.max()) + 1, -1, dtype=np.int32)
        table[vocabulary] = np.arange(len(vocabulary), dtype=np.int32)
        return Tokens(table[self.ids], self.offsets, self.labels, pad)


@dataclass(frozen=True)
class Features:
    """A split as one vector a sentence, for training a classifier on a frozen encoder:

    `vectors` (N, D), `targets` (N,).
    """

    vectors: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.targets)

    def to(self, device: str) -> "Features":
        """The same vectors on a device."""
        return Features(self.vectors.to(device), self.targets.to(device))

    def take(self, rows: np.ndarray) -> Batch:
        """The vectors `rows`."""
        index = torch.from_numpy(rows).to(self.vectors.device)
        return Batch(self.vectors[index], None, self.targets[index])


@dataclass(frozen=True)
class Data:
    """What a trial trains on and is judged by.

    The test split is not here, so that no search can meet it.
    """

    train: Tokens
    validation: Tokens
    labels: tuple[str, ...]
    encoded: tuple[Features, Features] | None = None
    """Train and validation as the pretrained encoder gives them, where a search encoded them once
    for all its trials."""


class Examples(Protocol):
    """What mini-batches can be cut from: `Tokens` or `Features`."""

    def __len__(self) -> int: ...
    def take(self, rows: np.ndarray) -> Batch: ...


@dataclass(frozen=True)
class MiniBatches:
    """The training examples in random mini-batches, in another order every epoch; the order depends
    on the seed and the epoch alone.

    As a plain loop has them: one permutation of all examples, cut into mini-batches, the last of
    which may be smaller.
    """

    examples: Examples
    batch_size: int
    seed: int

    def __len__(self) -> int:
        return -(-len(self.examples) // self.batch_size)

    def epoch(self, number: int) -> Iterator[Batch]:
        """The mini-batches of epoch `number`."""
        order = np.random.default_rng([self.seed, number]).permutation(len(self.examples))
        for start in range(0, len(order), self.batch_size):
            yield self.examples.take(order[start : start + self.batch_size])


def by_length(tokens: Tokens) -> Iterator[tuple[np.ndarray, Batch]]:
    """Every sentence once, in large batches of like lengths, each with the rows that it holds: for
    passes without gradients."""
    order = np.argsort(tokens.lengths, kind="stable")
    lengths = tokens.lengths[order]
    start = 0
    while start < len(order):
        # The longest sentence of a sorted batch is its last: grow the batch until the padded size
        # reaches the limit.
        size = np.arange(1, len(order) - start + 1) * lengths[start:]
        rows = order[
            start : start + max(1, int(np.searchsorted(size, EVALUATION_TOKENS, side="right")))
        ]
        yield rows, tokens.take(rows)
        start += len(rows)


def encodable(text: str) -> str:
    """The text without lone halves of surrogate pairs (JSON's escapes and broken command lines have
    them), which no tokenizer takes."""
    return text.encode("utf-8", "replace").decode()


def tokenise(
    texts: Sequence[str], labels: Sequence[int], tokenizer: Any, max_tokens: int
) -> tuple[Tokens, int]:
    """A split as token ids, special tokens included, and how many of its sentences were cut to
    `max_tokens`."""
    encoded = tokenizer(list(texts), verbose=False)["input_ids"] if texts else []
    cut = sum(len(ids) > max_tokens for ids in encoded)
    if cut:
        encoded = tokenizer(list(texts), truncation=True, max_length=max_tokens)["input_ids"]
    empty = next((text for text, ids in zip(texts, encoded) if not ids), None)
    if empty is not None:
        raise ValueError(
            f"the model's tokenizer makes no tokens of {quoted(empty)}, not even its special ones"
        )
    offsets = np.concatenate([[0], np.cumsum([len(ids) for ids in encoded])]).astype(np.int64)
    ids = (
        np.concatenate([np.asarray(ids, dtype=np.int32) for ids in encoded])
        if encoded
        else np.zeros(0, np.int32)
    )
    return (
        Tokens(ids, offsets, np.asarray(labels, dtype=np.int64), tokenizer.pad_token_id or 0),
        cut,
    )
