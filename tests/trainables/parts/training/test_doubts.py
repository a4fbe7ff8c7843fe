"""Label errors that are planted are found."""

import numpy as np
import pytest
import torch

from trainables.parts.data.tokens import Features
from trainables.parts.training.doubts import MAX_DOUBTS, doubts

CLASSES, PER_CLASS, WIDTH = 6, 40, 12


def planted(errors: int, seed: int = 0) -> tuple[Features, set[int]]:
    """Clusters of sentences with some labels replaced, and the rows of those."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(CLASSES), PER_CLASS)
    centres = 3 * random.standard_normal((CLASSES, WIDTH))
    vectors = centres[labels] + random.standard_normal((len(labels), WIDTH))
    rows = random.choice(len(labels), errors, replace=False)
    given = labels.copy()
    given[rows] = (given[rows] + random.integers(1, CLASSES, errors)) % CLASSES
    features = Features(torch.from_numpy(vectors).float(), torch.from_numpy(given))
    return features, {int(row) for row in rows}


@pytest.mark.parametrize("seed", range(3))
def test_planted_errors_come_first_with_their_true_label(seed: int) -> None:
    features, rows = planted(12, seed)
    doubtful = doubts(features, CLASSES, seed=0)
    assert len(rows & {doubt.row for doubt in doubtful[:12]}) >= 11
    right = [doubt.suggested == doubt.row // PER_CLASS for doubt in doubtful if doubt.row in rows]
    assert np.mean(right) > 0.9
    distances = [doubt.suggested_probability - doubt.given_probability for doubt in doubtful]
    assert distances == sorted(distances, reverse=True) and min(distances) > 0


def test_clean_labels_are_hardly_doubted_and_the_list_ends() -> None:
    clean, _ = planted(0)
    assert len(doubts(clean, CLASSES, seed=0)) <= 2
    noise = Features(torch.randn(900, 4), torch.randint(0, 3, (900,)))
    assert len(doubts(noise, 3, seed=0)) <= MAX_DOUBTS


def test_a_class_with_one_sentence_is_left_out() -> None:
    features, _ = planted(0)
    alone = Features(features.vectors, torch.cat([torch.tensor([CLASSES]), features.targets[1:]]))
    doubtful = doubts(alone, CLASSES + 1, seed=0)
    assert all(doubt.row != 0 and doubt.suggested != CLASSES for doubt in doubtful)
