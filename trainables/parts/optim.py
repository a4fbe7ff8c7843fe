"""Parameter groups with a learning rate each, and the optimisers that take them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import Parameter
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from trainables.parts.config import Hyperparameters, Rate, Share
from trainables.parts.encoder import Encoder


@dataclass(frozen=True, kw_only=True)
class Optimizer(Hyperparameters):
    """How gradients become steps."""

    optimizer: Literal["adamw", "sgd"] = "adamw"
    """AdamW (https://arxiv.org/abs/1711.05101) or stochastic gradient descent, as torch has them."""
    weight_decay: Rate = 0.01
    """Decoupled in AdamW, L2 in SGD; on every parameter. torch's default for AdamW, which the paper used as it is."""
    momentum: Share = 0.0
    """Of SGD; AdamW has none."""
    nesterov: bool = False
    """Nesterov's momentum, where there is momentum."""
    max_grad_norm: Rate | None = None
    """Gradients are scaled down to this norm where theirs is larger; none: never, as in the paper."""


def parameter_groups(
    encoder: Encoder,
    head: nn.Module,
    *,
    learning_rate: float,
    head_learning_rate: float,
    layerwise_decay: float = 1.0,
    head_decay: float = 1.0,
) -> list[dict[str, Any]]:
    """Every parameter of the encoder and the head in exactly one group, groups of one learning rate merged.

    The encoder's top layer gets `learning_rate * layerwise_decay`, each layer below that times `layerwise_decay` again, the
    embeddings the least: the full rate is that of the level above the layers, where BERT has its pooler (the paper, section 3.2;
    https://arxiv.org/abs/1801.06146). `head_decay` is the factor from one linear layer of the head to the next.
    """
    rates: dict[float, list[Parameter]] = {}
    for depth, layer in enumerate(reversed(encoder.layers()), start=1):
        rates.setdefault(learning_rate * layerwise_decay**depth, []).extend(layer)
    linears = [module for module in head.modules() if isinstance(module, nn.Linear)]
    for depth, linear in enumerate(linears):
        rates.setdefault(head_learning_rate * head_decay**depth, []).extend(linear.parameters())
    grouped = [id(parameter) for parameters in rates.values() for parameter in parameters]
    everything = {id(parameter) for module in (encoder, head) for parameter in module.parameters()}
    assert len(grouped) == len(set(grouped)) and set(grouped) == everything, "each parameter is in exactly one group"
    return [{"params": parameters, "lr": rate} for rate, parameters in rates.items()]


def build(config: Optimizer, groups: Iterable[dict[str, Any]]) -> torch.optim.Optimizer:
    """The optimiser over parameter groups, in torch's fused form."""
    if config.optimizer == "adamw":
        return torch.optim.AdamW(groups, weight_decay=config.weight_decay, fused=True)
    return torch.optim.SGD(
        groups,
        lr=0.0,
        momentum=config.momentum,
        nesterov=config.nesterov and config.momentum > 0,
        weight_decay=config.weight_decay,
        fused=True,
    )


def clip(parameters: list[Parameter], max_grad_norm: float | None) -> Tensor:
    """The norm of all gradients together, a scalar; where it is above `max_grad_norm` they are scaled down to that."""
    norm = get_total_norm([parameter.grad for parameter in parameters if parameter.grad is not None])
    if max_grad_norm is not None:
        clip_grads_with_norm_(parameters, max_grad_norm, norm)
    return norm
