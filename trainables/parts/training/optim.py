"""Parameter groups with a learning rate each, and the optimisers that take them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import Parameter
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from trainables.parts.config import Hyperparameters, Momentum, Rate, checked
from trainables.parts.model.encoder import Encoder

RATES = ("learning_rate", "head_learning_rate")
OF_OLD = {"optimizer", "momentum", "nesterov", "weight_decay"}
"""What every configuration of an earlier version had."""


@dataclass(frozen=True, kw_only=True)
class Optimizer(Hyperparameters):
    """How gradients become steps."""

    optimizer: Literal["adamw", "sgd"] = "adamw"
    """AdamW (https://arxiv.org/abs/1711.05101) or stochastic gradient descent, as torch has them.
    Fields that begin with `sgd_`, momentum and nesterov are SGD's; the learning rates and the
    weight decay without a prefix are AdamW's."""
    weight_decay: Rate = 0.01
    """AdamW's, decoupled, on every parameter. torch's default, which the paper used as it is."""
    momentum: Momentum = 0.0
    """SGD's."""
    nesterov: bool = False
    """Nesterov's momentum, where there is momentum."""
    sgd_weight_decay: Rate = 0.0
    """SGD's, added to the gradient (L2), on every parameter. torch's default."""
    max_grad_norm: Rate | None = None
    """Gradients are scaled down to this norm where theirs is larger; none: never, as in the
    paper."""

    @classmethod
    def upgraded(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Earlier versions had no rates of SGD's own:

        `learning_rate` was torch's lr for either optimiser, `weight_decay` either's.

        Only whole configurations are theirs; names that a user fixes, or a point of a space, are of
        this version.
        """
        given = dict(values)
        if (
            given.get("optimizer") != "sgd"
            or not set(given) >= OF_OLD
            or any(name.startswith("sgd_") for name in given)
        ):
            return given
        kept = 1 - checked("momentum", given["momentum"], Momentum)
        rates = {
            f"sgd_{name}": checked(name, given[name], Rate) / kept
            for name in RATES
            if name in given
        }
        return given | rates | {"sgd_weight_decay": given["weight_decay"]}


@dataclass(frozen=True, kw_only=True)
class HeadRate(Optimizer):
    """The classifier's learning rate, one for each optimiser: good ones lie two orders of magnitude
    apart."""

    head_learning_rate: Rate = 1e-4
    """AdamW's peak rate of the classifier."""
    sgd_head_learning_rate: Rate = 0.1
    """SGD's effective peak rate of the classifier: torch's lr is this times (1 - momentum), so a
    step is in the long run as long without momentum as with it."""

    @property
    def head_lr(self) -> float:
        """The classifier's peak rate as torch takes it."""
        return self._lr("head_learning_rate")

    def _lr(self, name: str) -> float:
        rate: float = getattr(self, name if self.optimizer == "adamw" else f"sgd_{name}")
        return rate if self.optimizer == "adamw" else rate * (1 - self.momentum)


@dataclass(frozen=True, kw_only=True)
class Rates(HeadRate):
    """The learning rates of encoder and classifier."""

    learning_rate: Rate = 1e-4
    """AdamW's peak rate of the encoder, at the level above its layers."""
    sgd_learning_rate: Rate = 0.1
    """SGD's effective peak rate of the encoder, at the level above its layers: torch's lr is this
    times (1 - momentum)."""

    @property
    def lr(self) -> float:
        """The encoder's peak rate as torch takes it."""
        return self._lr("learning_rate")


def parameter_groups(
    encoder: Encoder,
    head: nn.Module,
    *,
    learning_rate: float,
    head_learning_rate: float,
    layerwise_decay: float = 1.0,
    head_decay: float = 1.0,
) -> list[dict[str, Any]]:
    """Every parameter of the encoder and the head in exactly one group, groups of one learning rate
    merged.

    The encoder's top layer gets `learning_rate * layerwise_decay`, each layer below that times
    `layerwise_decay` again, the embeddings the least: the full rate is that of the level above the
    layers, where BERT has its pooler (the paper, section 3.2; https://arxiv.org/abs/1801.06146).
    `head_decay` is the factor from one linear layer of the head to the next.
    """
    rates: dict[float, list[Parameter]] = {}
    for depth, layer in enumerate(reversed(encoder.layers()), start=1):
        rates.setdefault(learning_rate * layerwise_decay**depth, []).extend(layer)
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
    """The optimiser over parameter groups, in torch's fused form."""
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
    """The norm of all gradients together, a scalar; where it is above `max_grad_norm` they are
    scaled down to that."""
    norm = get_total_norm(
        [parameter.grad for parameter in parameters if parameter.grad is not None]
    )
    if max_grad_norm is not None:
        clip_grads_with_norm_(parameters, max_grad_norm, norm)
    return norm
