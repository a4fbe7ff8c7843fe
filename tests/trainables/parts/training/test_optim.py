"""Parameter groups and optimiser steps against hand-made numbers."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests import tiny
from trainables.parts.model import head as heads
from trainables.parts.model import loading
from trainables.parts.model.encoder import Encoder
from trainables.parts.model.head import Head
from trainables.parts.model.pretrained import Pretrained
from trainables.parts.training.optim import Optimizer, build, decaying, parameter_groups, thirds


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    """Twelve layers, as in BERT base."""
    folder: Path = tiny.write_model(tmp_path_factory.mktemp("deep"), layers=12)
    return loading.load(str(folder)).build()


def rates(groups: list[dict[str, Any]]) -> dict[int, float]:
    """The learning rate of each parameter by its id."""
    return {id(parameter): group["lr"] for group in groups for parameter in group["params"]}


@pytest.mark.parametrize("layerwise_decay", [1.0, 0.9, 0.5, 0.0])
@pytest.mark.parametrize("head_decay", [1.0, 0.9])
@pytest.mark.parametrize("head_learning_rate", [1e-4, 1e-2, 0.0])
@pytest.mark.parametrize("head_width", [None, 10])
def test_every_parameter_is_in_exactly_one_group(
    pretrained: Pretrained,
    layerwise_decay: float,
    head_decay: float,
    head_learning_rate: float,
    head_width: int | None,
) -> None:
    encoder = pretrained.build()
    head = heads.build(Head(head_width=head_width), encoder.width, 4)
    settings: dict[str, Any] = {
        "layer_factor": decaying(layerwise_decay),
        "head_decay": head_decay,
        "head_learning_rate": head_learning_rate,
    }
    groups = parameter_groups(encoder, head, learning_rate=1e-4, **settings)
    grouped = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(grouped) == sorted(
        id(parameter) for part in (encoder, head) for parameter in part.parameters()
    )
    assert len({group["lr"] for group in groups}) == len(groups)


@pytest.mark.parametrize(
    "head",
    [
        nn.Identity(),
        nn.Linear(32, 8),
        nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 8)),
    ],
)
def test_projections_of_the_contrastive_stage_are_grouped_too(
    pretrained: Pretrained, head: nn.Module
) -> None:
    encoder = pretrained.build()
    groups = parameter_groups(
        encoder, head, learning_rate=1e-4, head_learning_rate=1e-4, layer_factor=decaying(0.9)
    )
    assert len(rates(groups)) == len([*encoder.parameters(), *head.parameters()])


def test_layerwise_rates_of_twelve_layers_are_the_papers(deep: Encoder) -> None:
    head = heads.build(Head(), deep.width, 60)
    by_parameter = rates(
        parameter_groups(
            deep,
            head,
            learning_rate=1e-4,
            head_learning_rate=1e-2,
            layer_factor=decaying(0.9),
            head_decay=0.9,
        )
    )
    bert = deep.transformer
    by_hand = [
        9e-5,
        8.1e-5,
        7.29e-5,
        6.561e-5,
        5.9049e-5,
        5.31441e-5,
        4.782969e-5,
        4.3046721e-5,
        3.87420489e-5,
        3.486784401e-5,
    ]
    by_hand += [3.1381059609e-5, 2.82429536481e-5]
    for layer, rate in zip(reversed(bert.encoder.layer), by_hand, strict=True):
        assert [by_parameter[id(parameter)] for parameter in layer.parameters()] == pytest.approx(
            [rate] * 16
        )
    assert [
        by_parameter[id(parameter)] for parameter in bert.embeddings.parameters()
    ] == pytest.approx([2.541865828329e-5] * 5)
    assert [by_parameter[id(head[index].weight)] for index in (1, 3)] == pytest.approx([1e-2, 9e-3])


def test_thirds_of_twelve_layers_have_a_rate_each(deep: Encoder) -> None:
    """The embeddings have that of the bottom third."""
    head, factor = nn.Linear(deep.width, 4), thirds(0.5, 0.25)
    by_parameter = rates(
        parameter_groups(
            deep, head, learning_rate=1e-4, head_learning_rate=1e-2, layer_factor=factor
        )
    )
    by_layer = [{by_parameter[id(parameter)] for parameter in layer} for layer in deep.layers()]
    assert by_layer == [{2.5e-5}] * 5 + [{5e-5}] * 4 + [{1e-4}] * 4
    assert by_parameter[id(head.weight)] == 1e-2


@pytest.mark.parametrize(
    ("layers", "expected"), [(1, [1.0]), (2, [1.0, 0.2]), (3, [1.0, 0.5, 0.2]), (7, 2 * [1.0])]
)
def test_thirds_of_few_layers_begin_at_the_top(layers: int, expected: list[float]) -> None:
    factors = [thirds(0.5, 0.2)(depth, layers) for depth in range(1, layers + 1)]
    assert factors[: len(expected)] == expected and factors == sorted(factors, reverse=True)


def test_without_decay_the_encoder_has_one_rate(pretrained: Pretrained) -> None:
    encoder = pretrained.build()
    by_parameter = rates(
        parameter_groups(encoder, nn.Linear(32, 4), learning_rate=1e-4, head_learning_rate=1e-2)
    )
    assert {by_parameter[id(parameter)] for parameter in encoder.parameters()} == {1e-4}


def test_a_head_with_weights_outside_linear_layers_is_noticed(pretrained: Pretrained) -> None:
    with pytest.raises(AssertionError, match="exactly one group"):
        parameter_groups(
            pretrained.build(), nn.LayerNorm(4), learning_rate=1e-4, head_learning_rate=1e-4
        )


def steps(config: Optimizer, gradients: list[float], weight: float, rate: float) -> list[float]:
    """The weight after each optimiser step with the given gradients."""
    parameter = nn.Parameter(torch.tensor([weight]))
    optimizer = build(config, [{"params": [parameter], "lr": rate}])
    values = []
    for gradient in gradients:
        parameter.grad = torch.tensor([gradient])
        optimizer.step()
        values.append(parameter.item())
    return values


def test_adamw_steps_as_its_paper_says() -> None:
    """Algorithm 2 of https://arxiv.org/abs/1711.05101 with torch's betas and epsilon."""
    weight, rate, decay, gradients = 0.5, 0.1, 0.02, [0.3, -0.2, 0.05]
    first = second = 0.0
    expected = []
    w = weight
    for step, gradient in enumerate(gradients, 1):
        w -= rate * decay * w
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        w -= rate * (first / (1 - 0.9**step)) / (math.sqrt(second / (1 - 0.999**step)) + 1e-8)
        expected.append(w)
    assert steps(Optimizer(weight_decay=decay), gradients, weight, rate) == pytest.approx(
        expected, rel=1e-5
    )


@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_with_momentum_steps_as_written_by_hand(nesterov: bool) -> None:
    weight, rate, decay, momentum, gradients = 0.5, 0.1, 0.02, 0.9, [0.3, -0.2, 0.05]
    w, velocity = weight, 0.0
    expected = []
    for gradient in gradients:
        gradient += decay * w
        velocity = momentum * velocity + gradient
        w -= rate * (gradient + momentum * velocity if nesterov else velocity)
        expected.append(w)
    config = Optimizer(
        optimizer="sgd", momentum=momentum, nesterov=nesterov, sgd_weight_decay=decay
    )
    assert steps(config, gradients, weight, rate) == pytest.approx(expected, rel=1e-5)


def test_plain_sgd_is_weight_minus_rate_times_gradient() -> None:
    assert steps(Optimizer(optimizer="sgd", weight_decay=0.0), [2.0], 1.0, 0.25) == [0.5]


def test_optimisers_are_fused(pretrained: Pretrained) -> None:
    for name in ("adamw", "sgd"):
        assert build(
            Optimizer(optimizer=name),
            [{"params": list(pretrained.build().parameters()), "lr": 1e-4}],
        ).defaults["fused"]


@pytest.mark.parametrize(
    "values", [{"optimizer": "sgd", "momentum": 0.0}, {"optimizer": "adamw", "momentum": 0.9}]
)
def test_nesterov_has_no_effect_without_sgds_momentum(values: dict[str, Any]) -> None:
    """So any subset of a configuration can be fixed while the rest is searched."""
    steps = []
    for nesterov in (False, True):
        weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
        optimizer = build(Optimizer(nesterov=nesterov, **values), [{"params": [weight], "lr": 0.1}])
        for _ in range(3):
            weight.grad = weight.detach() * 2
            optimizer.step()
        steps.append(weight.detach().clone())
    assert torch.equal(*steps)
