"""Sentences that say nearly the same and have different labels, found by frozen vectors.

Two sentences are paired if each is the other's nearest neighbour by the cosine of their centred
vectors, and they are nearer than the median of such pairs that have one label. How near like
sentences are depends on the encoder and the data, so both set the threshold.

Pairs read by eye, train and validation together, vectors of MiniLM:

    data set           sentences  threshold  pairs  both ask for the same
    MASSIVE English       13,547       0.88     51  39
    CLINC150              18,000       0.93     10   6
    SNIPS                 13,784       0.74     13   0

The other pairs are mostly opposites or exchanged persons. So most pairs are worth reading where
labels are many and near, and few are shown where they are not. If the nearest neighbour of a
sentence were enough, 115 rows of MASSIVE's train would pass 0.88 instead of 42 pairs. Vectors are
centred because those of many encoders share a direction (https://arxiv.org/abs/1909.00512), which
brings all cosines near 1.

Shape letters: N sentences, C a chunk of them, D width.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from trainables.parts.data.tokens import Features
from trainables.parts.training.logistic import stratified

MAX_COMPARED_SENTENCES = 20_000
"""Sentences that are looked at: of more, a stratified part."""
MAX_NEAR_PAIRS = 200
"""Pairs that are reported, the nearest first."""
SENTENCES_AT_ONCE = 512
"""Sentences that are compared with all others at once: 41 MB of cosines for
`MAX_COMPARED_SENTENCES`."""
IDENTICAL_COSINE = 1 - 1e-5
"""Cosine from which on two sentences are one for the encoder: such are found by their text."""


@dataclass(frozen=True)
class NearDuplicate:
    """Two sentences, as indices among those that were given."""

    row: int
    other: int
    cosine: float


def near_duplicates(features: Features, seed: int) -> list[NearDuplicate]:
    """The pairs with different labels among sentences (N, D), the nearest first, at most
    `MAX_NEAR_PAIRS`."""
    labels = features.targets.cpu().numpy()
    rows = stratified(labels, MAX_COMPARED_SENTENCES, seed)
    cosines, nearest = _nearest(features.vectors[rows])
    places = np.arange(len(rows))
    mutual = (nearest[nearest] == places) & (places < nearest)
    alike = labels[rows] == labels[rows][nearest]
    if not (mutual & alike).any():
        return []
    threshold = np.median(cosines[mutual & alike])
    found = np.flatnonzero(mutual & ~alike & (cosines >= threshold))
    order = found[np.argsort(-cosines[found], kind="stable")][:MAX_NEAR_PAIRS]
    return [
        NearDuplicate(int(rows[one]), int(rows[nearest[one]]), float(cosines[one])) for one in order
    ]


def _nearest(vectors: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """The cosine of each sentence (N, D) with its nearest neighbour, and that one's place."""
    units = normalize(vectors.float() - vectors.float().mean(dim=0), dim=1)
    found = []
    for start in range(0, len(units), SENTENCES_AT_ONCE):
        cosines = units[start : start + SENTENCES_AT_ONCE] @ units.T  # (C, N)
        cosines.masked_fill_(cosines > IDENTICAL_COSINE, -1.0)  # itself too
        own = torch.arange(len(cosines), device=cosines.device)
        cosines[own, start + own] = -1.0
        found.append(cosines.max(dim=1))
    values, places = (torch.cat(parts).cpu().numpy() for parts in zip(*found))
    return values, places
