"""Like sentences with different labels are found, and like ones with one label set the bar."""

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from trainables.parts.data.tokens import Features
from trainables.parts.training import near_duplicates as module
from trainables.parts.training.near_duplicates import MAX_NEAR_PAIRS, near_duplicates

PAIRS, WIDTH = 60, 32


def pairs(noise: list[float], mislabelled: int, shift: float = 0.0) -> Features:
    """Sentences 2i and 2i + 1 are alike up to `noise[i]`, and the first pairs differ in label."""
    random = np.random.default_rng(0)
    meaning = random.standard_normal((len(noise), WIDTH))
    other = meaning + np.array(noise)[:, None] * random.standard_normal(meaning.shape)
    labels = np.repeat(np.arange(len(noise)) % 7, 2).reshape(-1, 2)
    labels[:mislabelled, 1] += 1
    vectors = np.stack([meaning, other], axis=1).reshape(-1, WIDTH) + shift
    return Features(torch.from_numpy(vectors).float(), torch.from_numpy(labels.ravel()))


@pytest.mark.parametrize("shift", [0.0, 20.0])
@pytest.mark.parametrize("chunk", [7, 512])
def test_planted_pairs_are_found_the_nearest_first(
    shift: float, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where all vectors share a direction, as those of many encoders do."""
    monkeypatch.setattr(module, "SENTENCES_AT_ONCE", chunk)
    noise = [0.05, 0.15, 0.1, *[0.3] * (PAIRS - 3)]
    features = pairs(noise, mislabelled=3, shift=shift)
    found = near_duplicates(features, seed=0)
    assert [(pair.row, pair.other) for pair in found] == [(0, 1), (4, 5), (2, 3)]
    units = normalize(features.vectors - features.vectors.mean(dim=0), dim=1)
    cosines = [float(units[pair.row] @ units[pair.other]) for pair in found]
    assert [pair.cosine for pair in found] == pytest.approx(cosines, abs=1e-5)


def test_pairs_that_are_less_alike_than_those_with_one_label_are_left_out() -> None:
    noise = [0.05, 0.8, 0.8, *[0.3] * (PAIRS - 3)]
    found = near_duplicates(pairs(noise, mislabelled=3), seed=0)
    assert [(pair.row, pair.other) for pair in found] == [(0, 1)]


def test_a_sentence_that_is_there_twice_is_no_near_duplicate() -> None:
    """The duplicates by text are found by their text."""
    noise = [0.0, 0.1, *[0.3] * (PAIRS - 2)]
    found = near_duplicates(pairs(noise, mislabelled=2), seed=0)
    assert [(pair.row, pair.other) for pair in found] == [(2, 3)]


def test_the_list_ends_and_may_be_empty() -> None:
    many = pairs([0.1] * (3 * MAX_NEAR_PAIRS), mislabelled=2 * MAX_NEAR_PAIRS)
    assert len(near_duplicates(many, seed=0)) <= MAX_NEAR_PAIRS
    distinct = Features(torch.randn(30, WIDTH), torch.arange(30))
    assert near_duplicates(distinct, seed=0) == []
