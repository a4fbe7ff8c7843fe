"""`lp_ft`: its first classifier is the ridge regression, and only then does the encoder move."""

import numpy as np
import torch

import trainables
from tests.trainables.runs import run
from trainables.parts.data.tokens import Data
from trainables.parts.model.classifier import vectors
from trainables.parts.model.pretrained import Pretrained, state
from trainables.parts.training.ridge import ridge


def test_it_starts_from_the_ridge_regression_on_the_pretrained_vectors(
    pretrained: Pretrained, data: Data
) -> None:
    """At a rate of 0 its outputs are the regression's; at its own rate the encoder moves too."""
    still = {"learning_rate": 0.0, "head_learning_rate": 0.0}
    _, model = run("lp_ft", pretrained, data, epochs=1, **still)
    encoder = pretrained.build()
    solution = ridge(vectors(encoder, data.train), data.train.targets, len(data.labels))
    expected = vectors(encoder, data.validation).double() @ solution.weight.T + solution.bias
    found = model.logits(data.validation).double()
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    _, moved = run("lp_ft", pretrained, data, epochs=1)
    assert all(
        not np.array_equal(array, pretrained.weights[name])
        for name, array in state(moved.encoder).items()
        if name.endswith("dense.weight")
    )


def test_its_rates_are_below_those_of_common_practice() -> None:
    ours, common = trainables.load("lp_ft").Config(), trainables.load("baseline").Config()
    assert ours.lr < common.lr and (ours.head_init, ours.head_width) == ("ridge", None)
