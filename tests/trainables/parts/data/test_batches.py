"""The order of the training sentences: every one once in a pass, labels side by side if asked."""

from itertools import groupby, pairwise

import numpy as np
import pytest
import torch

from trainables.parts.data.batches import MiniBatches
from trainables.parts.data.tokens import Features

COUNTS = {0: 1, 1: 2, 2: 5, 3: 12, 4: 33}
"""Sentences of each label."""
LABELS = np.repeat(list(COUNTS), list(COUNTS.values()))


def passes(per_label: int, *, seed: int = 0, count: int = 1, size: int | None = None) -> np.ndarray:
    """The rows of `count` epochs, in batches of 7. Each sentence's vector is its own row."""
    rows = torch.arange(len(LABELS), dtype=torch.float)[:, None]
    batches = MiniBatches(Features(rows, torch.from_numpy(LABELS)), 7, seed, size, per_label)
    return np.array(
        [
            int(row)
            for number in range(1, 1 + count)
            for batch in batches.epoch(number)
            for row in batch.inputs[:, 0]
        ]
    )


@pytest.mark.parametrize("per_label", [1, 2, 3, 50])
def test_a_pass_has_every_sentence_once_in_an_order_that_only_seed_and_pass_decide(
    per_label: int,
) -> None:
    once, twice = passes(per_label), passes(per_label, count=2)
    assert sorted(once) == list(range(len(LABELS)))
    assert once.tolist() == twice[: len(once)].tolist() != twice[len(once) :].tolist()
    assert once.tolist() != passes(per_label, seed=1).tolist()


@pytest.mark.parametrize("per_label", [1, 2, 3, 50])
def test_a_labels_sentences_stand_in_as_few_groups_as_there_can_be(per_label: int) -> None:
    """A run of one label is some whole groups, and the smaller one of the label maybe."""
    groups = dict.fromkeys(COUNTS, 0)
    for label, run in groupby(LABELS[passes(per_label)]):
        groups[label] += -(-len(list(run)) // per_label)
    assert groups == {label: -(-count // per_label) for label, count in COUNTS.items()}


def test_one_of_a_label_is_the_order_of_a_plain_loop() -> None:
    assert passes(1).tolist() == np.random.default_rng([0, 1]).permutation(len(LABELS)).tolist()


def test_groups_are_at_random_places_and_of_random_sentences() -> None:
    """Rare labels come no earlier than others, and any two sentences of a label can meet."""
    orders = [passes(2, seed=seed) for seed in range(600)]
    places = np.array([np.argsort(order) for order in orders]) / (len(LABELS) - 1)
    for label in COUNTS:
        of_seed = places[:, label == LABELS].mean(axis=1)
        assert abs(of_seed.mean() - 0.5) < 4 * of_seed.std() / len(of_seed) ** 0.5
    five = np.flatnonzero(LABELS == 2)
    met = {
        frozenset(pair) for order in orders for pair in pairwise(order) if set(pair) <= set(five)
    }
    assert len(met) == 10


def test_an_epoch_of_fewer_sentences_goes_on_where_the_one_before_it_ended() -> None:
    size = 20
    assert passes(3, count=5, size=size).tolist() == passes(3, count=2)[: 5 * size].tolist()
