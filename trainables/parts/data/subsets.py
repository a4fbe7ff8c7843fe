"""Which rows of a split are used: a part for validation, a first try, or a few-shot task.

Each function takes the rows' labels (N,) and returns row numbers, ascending and without repetition.
"""

from collections.abc import Sequence

import numpy as np

VALIDATION_FRACTION = 0.15
"""Of each label's training rows, where the data has no validation split."""


def validation(labels: Sequence[int], seed: int) -> list[int]:
    """`VALIDATION_FRACTION` of each label, and at least one row of each that has two or more."""
    chosen: list[int] = []
    for rows in _shuffled(labels, seed):
        count = max(1, round(VALIDATION_FRACTION * len(rows))) if len(rows) > 1 else 0
        chosen += rows[:count].tolist()
    return sorted(chosen)


def few_shot(labels: Sequence[int], shots: int, seed: int) -> list[int]:
    """`shots` random rows of each label, or all of a label that has fewer.

    With one seed, the rows of fewer shots are among those of more.
    """
    return sorted(row for rows in _shuffled(labels, seed) for row in rows[:shots].tolist())


def stratified(labels: Sequence[int] | np.ndarray, rows: int, seed: int) -> list[int]:
    """`rows` random rows: one of each label, then each label's share of the rest."""
    order = np.random.default_rng(seed).permutation(len(labels))
    place, ordered = np.empty(len(labels)), np.asarray(labels)[order]
    for label in np.unique(ordered):
        own = order[ordered == label]
        place[own] = np.arange(len(own)) / len(own)  # The first of each label is at 0.
    return sorted(order[np.argsort(place[order], kind="stable")[:rows]].tolist())


def _shuffled(labels: Sequence[int], seed: int) -> list[np.ndarray]:
    """The rows of each label in random order."""
    random, all_labels = np.random.default_rng(seed), np.asarray(labels)
    return [
        random.permutation(np.flatnonzero(all_labels == label)) for label in np.unique(all_labels)
    ]
