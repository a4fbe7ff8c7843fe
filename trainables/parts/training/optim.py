"""Optimisers, and the learning rate of each parameter group."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import Parameter
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from trainables.parts.config import Hyperparameters, Momentum, Rate, checked
from trainables.parts.model.encoder import Encoder

RATES = ("learning_rate", "head_learning_rate")
FIRST_VERSION_FIELDS = {"optimizer", "momentum", "nesterov", "weight_decay"}
"""Fields of every configuration that the first version of Regimen wrote."""


@dataclass(frozen=True, kw_only=True)
class Optimizer(Hyperparameters):
    """The optimiser, without its learning rates."""

    optimizer: Literal["adamw", "sgd"] = "adamw"
    """torch's AdamW (https://arxiv.org/abs/1711.05101) or stochastic gradient descent. SGD uses
    momentum, nesterov and the fields that begin with `sgd_`. AdamW uses the learning rates and the
    weight decay without that prefix."""
    weight_decay: Rate = 0.01
    """AdamW's decoupled weight decay, on every parameter. torch's default, as in the paper."""
    momentum: Momentum = 0.0
    """SGD's momentum."""
    nesterov: bool = False
    """Whether SGD's momentum is Nesterov's; without effect if momentum is 0."""
    sgd_weight_decay: Rate = 0.0
    """SGD's weight decay (an L2 penalty), on every parameter. torch's default."""
    max_grad_norm: Rate | None = None
    """Norm to which larger gradients are clipped; none: no clipping, as in the paper."""

    @classmethod
    def upgraded(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Give SGD its own rates, which the first version of Regimen did not have.

        There, `learning_rate` was torch's lr and `weight_decay` the weight decay of either
        optimiser. Only a whole configuration can be that old: hyperparameters that a user fixes,
        and the points of a space, are today's.
        """
        upgraded = dict(values)
        if (
            upgraded.get("optimizer") != "sgd"
            or not set(upgraded) >= FIRST_VERSION_FIELDS
            or any(name.startswith("sgd_") for name in upgraded)
        ):
            return upgraded
        damping = 1 - checked("momentum", upgraded["momentum"], Momentum)
        rates = {
            f"sgd_{name}": checked(name, upgraded[name], Rate) / damping
            for name in RATES
            if name in upgraded
        }
        return upgraded | rates | {"sgd_weight_decay": upgraded["weight_decay"]}


@dataclass(frozen=True, kw_only=True)
class HeadRate(Optimizer):
    """The classifier's learning rate.

    Each optimiser has its own, since good values lie two orders of magnitude apart.
    """

    head_learning_rate: Rate = 1e-4
    """AdamW's peak learning rate of the classifier."""
    sgd_head_learning_rate: Rate = 0.1
    """SGD's effective peak learning rate of the classifier. torch's lr is this times
    (1 - momentum), so that momentum does not change the length of a step in the long run."""

    @property
    def head_lr(self) -> float:
        """The classifier's peak learning rate for torch."""
        return self._lr("head_learning_rate")

    def _lr(self, name: str) -> float:
        rate: float = getattr(self, name if self.optimizer == "adamw" else f"sgd_{name}")
        return rate if self.optimizer == "adamw" else rate * (1 - self.momentum)


@dataclass(frozen=True, kw_only=True)
class Rates(HeadRate):
    """The learning rates of the encoder and the classifier."""

    learning_rate: Rate = 1e-4
    """AdamW's peak learning rate of the encoder, before layer-wise decay."""
    sgd_learning_rate: Rate = 0.1
    """SGD's effective peak learning rate of the encoder, before layer-wise decay. torch's lr is
    this times (1 - momentum)."""

    @property
    def lr(self) -> float:
        """The encoder's peak learning rate for torch."""
        return self._lr("learning_rate")


LayerFactor = Callable[[int, int], float]
"""A factor on the encoder's learning rate for the layer at a depth, counted from 1 at the top, of
so many; the embeddings are the deepest layer."""


def uniform(depth: int, layers: int) -> float:
    """The same rate for every layer."""
    return 1.0


def decaying(layerwise_decay: float) -> LayerFactor:
    """`layerwise_decay` for the top layer, and times that again for each layer below it.

    The full rate is that of the level above the layers, where BERT has its pooler (the paper,
    section 3.2; https://arxiv.org/abs/1801.06146).
    """
    return lambda depth, layers: layerwise_decay**depth


def thirds(middle: float, bottom: float) -> LayerFactor:
    """1 for the top third of the layers, `middle` and `bottom` for the thirds below it.

    The embeddings belong to the bottom third.
    """

    def factor(depth: int, layers: int) -> float:
        third = min(2, (depth - 1) * 3 // max(1, layers - 1))
        return (1.0, middle, bottom)[third]

    return factor


def parameter_groups(
    encoder: Encoder,
    head: nn.Module,
    *,
    learning_rate: float,
    head_learning_rate: float,
    layer_factor: LayerFactor = uniform,
    head_decay: float = 1.0,
) -> list[dict[str, Any]]:
    """Every parameter of the encoder and the head in exactly one group, one group per rate.

    A layer of the encoder gets `learning_rate` times its `layer_factor`. `head_decay` is the factor
    from each linear layer of the head to the next.
    """
    rates: dict[float, list[Parameter]] = {}
    layers = encoder.layers()
    for depth, layer in enumerate(reversed(layers), start=1):
        rates.setdefault(learning_rate * layer_factor(depth, len(layers)), []).extend(layer)
    linears = [module for module in head.modules() if isinstance(module, nn.Linear)]
    for depth, linear in enumerate(linears):
        rates.setdefault(head_learning_rate * head_decay**depth, []).extend(linear.parameters())
    grouped = [id(parameter) for parameters in rates.values() for parameter in parameters]
    everything = {id(parameter) for module in (encoder, head) for parameter in module.parameters()}
    assert len(grouped) == len(set(grouped)) and set(grouped) == everything, (
        "each parameter is in exactly one group"
    )
    return [{"params": parameters, "lr": rate} for rate, parameters in rates.items()]


def build(config: Optimizer, groups: Iterable[dict[str, Any]]) -> torch.optim.Optimizer:
    """torch's fused optimiser over parameter groups."""
    if config.optimizer == "adamw":
        return torch.optim.AdamW(groups, weight_decay=config.weight_decay, fused=True)
    return torch.optim.SGD(
        groups,
        lr=0.0,
        momentum=config.momentum,
        nesterov=config.nesterov and config.momentum > 0,
        weight_decay=config.sgd_weight_decay,
        fused=True,
    )


def clip(parameters: list[Parameter], max_grad_norm: float | None) -> Tensor:
    """Clip the gradients to `max_grad_norm`, if given; return their total norm before, a scalar."""
    norm = get_total_norm(
        [parameter.grad for parameter in parameters if parameter.grad is not None]
    )
    if max_grad_norm is not None:
        clip_grads_with_norm_(parameters, max_grad_norm, norm)
    return norm
