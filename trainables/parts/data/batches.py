"""How a split is cut into batches: at random for training, by length for evaluation."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from torch import Tensor

from trainables.parts.config import Count
from trainables.parts.data.tokens import Batch, Tokens

EVALUATION_TOKENS = 1024
"""Padded tokens in an evaluation batch: the fastest measured on a CPU, where 4096 took 1.2 times as
long."""


class Examples(Protocol):
    """A split that gives batches: `Tokens` or `Features`."""

    @property
    def targets(self) -> Tensor: ...
    def __len__(self) -> int: ...
    def take(self, rows: np.ndarray) -> Batch: ...


@dataclass(frozen=True, kw_only=True)
class Grouping:
    """The hyperparameter of losses that compare the sentences of a mini-batch by their labels."""

    sentences_per_label: Count = 1
    """Sentences of a label that stand side by side, so that most meet another of their label in the
    mini-batch; 1: in random order, as in the paper. Like m of
    https://kevinmusgrave.github.io/pytorch-metric-learning/samplers/#mperclasssampler, but no
    sentence is repeated: a label's last group may be smaller, and the end of a mini-batch may part
    a group."""


@dataclass(frozen=True)
class MiniBatches:
    """The training examples in random mini-batches, reshuffled every pass.

    The order depends only on the seed and the pass. As in a plain loop, an epoch is one permutation
    of all examples, cut into mini-batches of which the last may be smaller. An epoch of `size`
    examples goes on where the one before it ended. A mini-batch that begins a pass may then have
    an example twice.
    """

    examples: Examples
    batch_size: int
    seed: int
    size: int | None = None
    """Examples in an epoch; None: all of them."""
    per_label: int = 1
    """Examples of a label that stand side by side: `Grouping.sentences_per_label`."""

    @property
    def per_epoch(self) -> int:
        """Examples in an epoch."""
        return len(self.examples) if self.size is None else self.size

    def __len__(self) -> int:
        return -(-self.per_epoch // self.batch_size)

    def epoch(self, number: int) -> Iterator[Batch]:
        """The mini-batches of epoch `number`, from 1."""
        end = number * self.per_epoch
        order = self._stream(end - self.per_epoch, end)
        for start in range(0, len(order), self.batch_size):
            yield self.examples.take(order[start : start + self.batch_size])

    def _stream(self, start: int, end: int) -> np.ndarray:
        """The rows from `start` to `end` of all passes, one after the other."""
        count = len(self.examples)
        passes = range(start // count, -(-end // count))
        rows = [self._permutation(each) for each in passes]
        return np.concatenate(rows)[start - passes.start * count :][: end - start]

    def _permutation(self, number: int) -> np.ndarray:
        """All rows in the order of a pass."""
        random = np.random.default_rng([self.seed, 1 + number])
        order = random.permutation(len(self.examples))
        if self.per_label == 1:
            return order
        labels = self.examples.targets.cpu().numpy()
        mixed = random.permutation(len(self.examples))
        rows = mixed[np.argsort(labels[mixed], kind="stable")]  # by label, at random within one
        position = np.arange(len(rows))
        in_label = position - np.searchsorted(labels[rows], labels[rows])
        first_of_group = rows[position - in_label % self.per_label]
        # A group stands where the random order has its first row.
        return rows[np.argsort(np.argsort(order)[first_of_group], kind="stable")]


def by_length(tokens: Tokens) -> Iterator[tuple[np.ndarray, Batch]]:
    """Every sentence once, in large batches of similar lengths, for evaluation.

    Yields the rows of a batch with the batch.
    """
    order = np.argsort(tokens.lengths, kind="stable")
    lengths = tokens.lengths[order]
    start = 0
    while start < len(order):
        # Sorted by length, the last sentence of a batch is its longest: padded_tokens[i] is the
        # size of a batch of i + 1 sentences.
        padded_tokens = np.arange(1, len(order) - start + 1) * lengths[start:]
        size = int(np.searchsorted(padded_tokens, EVALUATION_TOKENS, side="right"))
        rows = order[start : start + max(1, size)]
        yield rows, tokens.take(rows)
        start += len(rows)
