"""Top layers that are drawn anew, and the layers below them."""

import numpy as np
import pytest
import torch
from scipy.stats import kstest

from trainables.parts.model.pretrained import Pretrained, state
from trainables.parts.model.reinitialisation import draw_top_layers


def changed(pretrained: Pretrained, layers: int, seed: int = 0) -> dict[str, np.ndarray]:
    """The weights that differ from the pretrained ones."""
    encoder = pretrained.build()
    draw_top_layers(encoder, layers, seed)
    return {
        name: array
        for name, array in state(encoder).items()
        if not np.array_equal(array, pretrained.weights[name])
    }


@pytest.mark.parametrize(("layers", "places"), [(1, {"1"}), (2, {"0", "1"}), (9, {"0", "1"})])
def test_the_top_layers_alone_are_drawn(
    layers: int, places: set[str], pretrained: Pretrained
) -> None:
    names = changed(pretrained, layers)
    assert {name.split(".")[:2] == ["encoder", "layer"] for name in names} == {True}
    assert {name.split(".")[2] for name in names} == places
    matrices = {name for name, array in pretrained.weights.items() if array.ndim == 2}
    drawn = {
        name for name in matrices if name.startswith(tuple(f"encoder.layer.{p}" for p in places))
    }
    assert drawn == matrices & set(names)


def test_new_layers_are_as_before_pretraining(pretrained: Pretrained) -> None:
    """Normal with the model's own spread; biases 0, norms 1 and 0."""
    encoder = pretrained.build()
    with torch.no_grad():
        for parameter in encoder.layers()[-1]:
            parameter.fill_(7.0)
    draw_top_layers(encoder, 1, seed=0)
    new = {
        name: array for name, array in state(encoder).items() if name.startswith("encoder.layer.1")
    }
    drawn = np.concatenate([array.ravel() for array in new.values() if array.ndim == 2])
    spread = pretrained.config.initializer_range
    assert kstest(drawn / spread, "norm").pvalue > 1e-3
    for name, array in new.items():
        if array.ndim == 1:
            assert (array == float("LayerNorm.weight" in name)).all(), name


def test_the_draw_depends_on_the_seed_alone(pretrained: Pretrained) -> None:
    torch.manual_seed(1)
    one = changed(pretrained, 1)
    torch.manual_seed(2)
    same, other = changed(pretrained, 1), changed(pretrained, 1, seed=1)
    name = "encoder.layer.1.output.dense.weight"
    assert np.array_equal(one[name], same[name]) and not np.array_equal(one[name], other[name])
