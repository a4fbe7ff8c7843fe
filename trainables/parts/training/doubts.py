"""Which labels a classifier doubts that has not seen them: likely label errors.

Confident learning (Northcutt et al., 2021, https://arxiv.org/abs/1911.00068) on the leave-one-out
predictions of a ridge classifier on frozen vectors. A class's threshold is the mean probability
that its own sentences have. A label is in doubt if another class passes its threshold and is more
likely by far; the most doubtful are those with the largest distance between the two.

Shape letters: N sentences, D width, K intents.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from trainables.parts.data.tokens import Features
from trainables.parts.training.logistic import stratified
from trainables.parts.training.ridge import ridge

MAX_CLASSIFIED_SENTENCES = 20_000
"""Sentences that are looked at: of more, a stratified part."""
MAX_DOUBTS = 200
"""Sentences that are reported, the most doubtful first."""
MIN_DISTANCE = 0.5
"""How much more likely the other label must be: with few sentences a class, most of the smaller
distances are mistakes of the classifier."""
MIN_ROWS = 2
"""Sentences that a class needs: one that is left out must leave another."""


@dataclass(frozen=True)
class Doubt:
    """A sentence whose label is in doubt."""

    row: int
    """Its index among the sentences that were given."""
    suggested: int
    """The index of the likelier label."""
    given_probability: float
    """Of the label that it has."""
    suggested_probability: float


def doubts(features: Features, intents: int, seed: int) -> list[Doubt]:
    """The doubtful labels of sentences (N, D), the most doubtful first, at most `MAX_DOUBTS`."""
    labels = features.targets.cpu().numpy()
    rows = stratified(labels, MAX_CLASSIFIED_SENTENCES, seed)
    vectors, targets = features.vectors[rows], features.targets[rows]
    solution = ridge(vectors, targets, intents)
    logits = solution.scale(targets) * solution.left_out
    probabilities = torch.softmax(logits, dim=1).cpu().numpy()
    return [
        Doubt(int(rows[place]), suggested, p_given, p_suggested)
        for place, suggested, p_given, p_suggested in _ranked(probabilities, labels[rows])
    ]


def _ranked(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64]
) -> list[tuple[int, int, float, float]]:
    """Place, suggested label and both probabilities of each doubt, from probabilities (N, K)."""
    places = np.arange(len(labels))
    p_given = probabilities[places, labels]
    counts = np.bincount(labels, minlength=probabilities.shape[1])
    sums = np.bincount(labels, weights=p_given, minlength=probabilities.shape[1])
    thresholds = np.where(counts >= MIN_ROWS, sums / np.maximum(counts, 1), np.inf)
    passing = np.where(probabilities >= thresholds, probabilities, 0.0)
    suggested = passing.argmax(axis=1)
    p_suggested = passing[places, suggested]
    known = counts[labels] >= MIN_ROWS
    doubtful = np.flatnonzero((p_suggested - p_given >= MIN_DISTANCE) & known)
    order = doubtful[np.argsort((p_given - p_suggested)[doubtful], kind="stable")][:MAX_DOUBTS]
    return [
        (
            int(place),
            int(suggested[place]),
            float(p_given[place]),
            float(p_suggested[place]),
        )
        for place in order
    ]
