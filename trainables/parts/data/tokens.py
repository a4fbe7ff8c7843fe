"""Tokenised splits: sentences as ragged arrays of token ids, or as encoded vectors.

Shape letters, here and in the other parts: N sentences, B batch, T tokens of a sentence, D width, K
intents.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from trainables.parts.data.subsets import stratified
from trainables.parts.quote import quoted


@dataclass(frozen=True)
class Batch:
    """One mini-batch."""

    inputs: Tensor
    """Token ids (B, T), or features (B, D)."""
    mask: Tensor | None
    """(B, T): 1 for a real token, 0 for padding. None without padding."""
    labels: Tensor
    """(B,)."""

    def to(self, device: torch.device) -> "Batch":
        """The same batch on a device."""
        return Batch(
            self.inputs.to(device, non_blocking=True),
            None if self.mask is None else self.mask.to(device, non_blocking=True),
            self.labels.to(device, non_blocking=True),
        )

    def twice(self) -> "Batch":
        """The batch followed by itself, (2B, ...)."""
        mask = None if self.mask is None else self.mask.repeat(2, 1)
        return Batch(self.inputs.repeat(2, 1), mask, self.labels.repeat(2))

    def split(self, size: int) -> list["Batch"]:
        """The batch in parts of `size` sentences, the last maybe smaller.

        The padding stays that of the whole batch, so that outputs stay the same.
        """
        parts = [slice(start, start + size) for start in range(0, len(self.labels), size)]
        return [
            Batch(
                self.inputs[part], None if self.mask is None else self.mask[part], self.labels[part]
            )
            for part in parts
        ]


@dataclass(frozen=True)
class Tokens:
    """A tokenised split. Sentence i is `ids[offsets[i]:offsets[i + 1]]`."""

    ids: np.ndarray
    """int32: the tokens of all sentences, one after the other."""
    offsets: np.ndarray
    """int64 (N + 1,)."""
    labels: np.ndarray
    """int64 (N,)."""
    pad: int
    """The id that fills up a batch."""
    texts: tuple[str, ...] | None = None
    """The sentences before they were tokenised and truncated, for models that read text."""

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each sentence, (N,)."""
        return np.diff(self.offsets)

    @property
    def targets(self) -> Tensor:
        """The labels as a tensor (N,). A copy: arrays in Ray's object store are read-only."""
        return torch.from_numpy(self.labels.copy())

    def take(self, rows: np.ndarray) -> Batch:
        """The sentences `rows` as a batch, padded to the longest; no mask if all are as long."""
        lengths = self.lengths[rows]
        real = np.arange(lengths.max()) < lengths[:, None]  # (B, T)
        inputs = np.full(real.shape, self.pad, dtype=np.int64)
        inputs[real] = self._ids(rows)
        mask = None if real.all() else torch.from_numpy(real.astype(np.int64))
        return Batch(torch.from_numpy(inputs), mask, torch.from_numpy(self.labels[rows]))

    def select(self, rows: np.ndarray) -> "Tokens":
        """The sentences `rows` as a split; rows may repeat."""
        offsets = np.concatenate([[0], np.cumsum(self.lengths[rows])])
        texts = None if self.texts is None else tuple(self.texts[row] for row in rows)
        return Tokens(self._ids(rows), offsets, self.labels[rows], self.pad, texts)

    def renumbered(self, vocabulary: np.ndarray, pad: int) -> "Tokens":
        """The same sentences in the ids of a cut vocabulary: id `vocabulary[j]` becomes j."""
        table = np.full(int(vocabulary.max()) + 1, -1, dtype=np.int32)
        table[vocabulary] = np.arange(len(vocabulary), dtype=np.int32)
        return replace(self, ids=table[self.ids], pad=pad)

    def _ids(self, rows: np.ndarray) -> np.ndarray:
        """The tokens of the sentences `rows`, one after the other."""
        lengths = self.lengths[rows]
        shift = self.offsets[rows] - np.concatenate([[0], np.cumsum(lengths)[:-1]])
        return self.ids[np.repeat(shift, lengths) + np.arange(lengths.sum())]


@dataclass(frozen=True)
class Features:
    """A split as one vector per sentence, to train a classifier on a frozen encoder."""

    vectors: Tensor
    """(N, D)."""
    targets: Tensor
    """(N,)."""

    def __len__(self) -> int:
        return len(self.targets)

    def to(self, device: str) -> "Features":
        """The same vectors on a device."""
        return Features(self.vectors.to(device), self.targets.to(device))

    def select(self, rows: np.ndarray) -> "Features":
        """The vectors `rows` as a split."""
        index = torch.from_numpy(rows).to(self.vectors.device)
        return Features(self.vectors[index], self.targets[index])

    def take(self, rows: np.ndarray) -> Batch:
        """The vectors `rows` as a batch."""
        chosen = self.select(rows)
        return Batch(chosen.vectors, None, chosen.targets)


Encoded = Mapping[str, tuple[Features, Features]]
"""Train and validation as vectors of one encoder, by its pooling."""


Metric = Literal["accuracy", "macro_f1"]
"""A score of predictions on a split; the names of the fields that hold it end so."""


Kept = Metric | Literal["last"]
"""Which epoch's weights a stage ends with: the best by a metric on validation, or the last."""


@dataclass(frozen=True)
class Data:
    """The splits of a trial: for training and for validation.

    The test split is left out so that no search can use it.
    """

    train: Tokens
    validation: Tokens
    labels: tuple[str, ...]
    encoded: Encoded | None = None
    """The vectors of the pretrained encoder, if the search has computed them for all trials."""
    names: Tokens | None = None
    """The labels' own words, in the order of `labels`, for regimes that read them."""
    metric: Metric = "accuracy"
    """What validation judges by: the epoch with the highest one is kept."""
    epoch_size: int | None = None
    """Training sentences in an epoch, fewer than there are; None: all."""
    folds: int | None = None
    """Validation is cross-validation with so many folds, and `validation` are the training
    sentences themselves. None: `validation` is a split of its own."""
    keeps_last: bool = False
    """Whether a run keeps its last epoch: that of a fold does as a run without validation must."""

    @property
    def kept(self) -> Kept:
        """Which epoch of a stage is kept."""
        return "last" if self.keeps_last else self.metric

    @property
    def per_epoch(self) -> int:
        """Training sentences in an epoch."""
        return len(self.train) if self.epoch_size is None else self.epoch_size

    @cached_property
    def judged(self) -> Tokens:
        """The training sentences that fit the classifier by which an epoch is judged.

        All, or always the same ones, as many as an epoch has: more data make no epoch longer.
        """
        if self.epoch_size is None:
            return self.train
        return self.train.select(np.array(stratified(self.train.labels, self.epoch_size, seed=0)))

    def divided(self, train: np.ndarray, validation: np.ndarray) -> "Data":
        """For a run of cross-validation: train on these rows of train, validate on those."""
        encoded = {
            pooling: (features.select(train), features.select(validation))
            for pooling, (features, _) in (self.encoded or {}).items()
        }
        return replace(
            self,
            train=self.train.select(train),
            validation=self.train.select(validation),
            encoded=encoded or None,
            folds=None,
            keeps_last=True,
        )


def tokenise(
    texts: Sequence[str], labels: Sequence[int], tokenizer: Any, max_tokens: int
) -> tuple[Tokens, int]:
    """Tokenise a split, special tokens included.

    Returns the split and the number of sentences truncated to `max_tokens`. Raises ValueError for a
    text that has no tokens.
    """
    encoded = tokenizer(list(texts), verbose=False)["input_ids"] if texts else []
    truncated = sum(len(ids) > max_tokens for ids in encoded)
    if truncated:
        encoded = tokenizer(list(texts), truncation=True, max_length=max_tokens)["input_ids"]
    empty = next((text for text, ids in zip(texts, encoded) if not ids), None)
    if empty is not None:
        raise ValueError(
            f"the model's tokenizer makes no tokens of {quoted(empty)}, not even its special ones"
        )
    tokens = Tokens(
        np.array([id for ids in encoded for id in ids], dtype=np.int32),
        np.concatenate([[0], np.cumsum([len(ids) for ids in encoded])]).astype(np.int64),
        np.asarray(labels, dtype=np.int64),
        tokenizer.pad_token_id or 0,
        tuple(texts),
    )
    return tokens, truncated
