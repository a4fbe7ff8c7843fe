"""The data and the model of a search, printed before it begins.

The data's lines come first, before PyTorch is imported, so this file does not import it.
"""

import math
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console

from search.terminal.console import print_line
from trainables.parts.data.corpus import Corpus
from trainables.parts.quote import quoted

if TYPE_CHECKING:
    from search.inputs import Prepared

MAX_IMBALANCE = 10
"""Ratio of the largest to the smallest class above which there is a warning."""
FEW_ROWS, FEW_ROWS_REGIME = 10, "proto"
"""Where half of the labels have at most so many training rows, this regime was above `baseline` in
all four searches that compared them, on two data sets (docs/results.md)."""

FEW_VALIDATED, SUGGESTED_FOLDS = 250, 5
"""Below so many validation rows, cross-validation with so many folds is suggested."""


def print_data(console: Console, corpus: Corpus) -> None:
    """Print the size of the data, and what is suspicious about it."""
    sizes = ", ".join(f"{len(split):,} {name}" for name, split in corpus.splits.items())
    print_line(console, "data", f"{corpus.source}: {sizes}")
    counts = np.bincount(corpus.train.labels, minlength=len(corpus.labels))
    low, high = counts.min(), counts.max()
    rows = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    print_line(console, "labels", f"{len(corpus.labels):,}, with {rows} training rows each")
    notes = (
        *corpus.notes,
        *small_validation(corpus),
        *imbalance(corpus.labels, counts),
    )
    for note in notes:
        print_line(console, "note", note, style="yellow")


def print_model(console: Console, prepared: "Prepared", source: str) -> None:
    """Print the size of the model and of the texts in its tokens."""
    lengths = prepared.data.train.lengths
    median, p95 = np.percentile(lengths, [50, 95])
    tokens = f"median {median:.0f} per text, 95 % have at most {p95:.0f}, longest {lengths.max()}"
    print_line(console, "tokens", tokens)
    vocabulary = len(prepared.pretrained.weights[prepared.pretrained.embedding])
    print_line(
        console,
        "model",
        f"{source}: {prepared.pretrained.parameters / 1e6:.1f} M parameters;"
        f" {len(prepared.vocabulary):,} of its {vocabulary:,} tokens occur in the data",
    )
    for note in prepared.notes:
        print_line(console, "note", note, style="yellow")


def print_advice(console: Console, corpus: Corpus, regimes: Collection[str]) -> None:
    """Name the regime for few examples, where these are few and it is not searched."""
    rows = np.median(np.bincount(corpus.train.labels, minlength=len(corpus.labels)))
    if rows <= FEW_ROWS and FEW_ROWS_REGIME not in regimes:
        print_line(
            console,
            "note",
            f"labels have few training rows (median {rows:.0f}): --regime"
            f" {FEW_ROWS_REGIME} was better than baseline wherever both were searched"
            " (docs/results.md)",
            style="yellow",
        )


def small_validation(corpus: Corpus) -> list[str]:
    """A warning where the validation split tells recipes badly apart, with the remedy."""
    rows = len(corpus.validation)
    most = np.bincount(corpus.train.labels + corpus.validation.labels).max()
    if corpus.folds is not None or rows >= FEW_VALIDATED or most < SUGGESTED_FOLDS:
        return []
    points = 100 * 1.96 * math.sqrt(0.9 * 0.1 / rows)
    return [
        f"the recipe is chosen on only {rows} validation rows: an accuracy of 90 % is uncertain by"
        f" {points:.0f} points; --folds {SUGGESTED_FOLDS} validates on training rows instead, which"
        " takes several times as long"
    ]


def imbalance(labels: Sequence[str], counts: np.ndarray) -> list[str]:
    """A warning where the largest class has over `MAX_IMBALANCE` times the rows of the smallest.

    `counts` are training rows. Labels without any are left out: the data's own notes name them.
    """
    nonzero = np.where(counts > 0, counts, counts.max())
    small, large = int(nonzero.argmin()), int(counts.argmax())
    if counts[large] <= MAX_IMBALANCE * counts[small]:
        return []
    smallest, largest = (
        f"{quoted(labels[label])} ({counts[label]:,} training rows)" for label in (small, large)
    )
    return [
        f"the largest class, {largest}, has over {MAX_IMBALANCE} times the rows of the smallest,"
        f" {smallest}: accuracy says little about small classes; --metric macro_f1 gives all"
        " classes the same weight"
    ]
