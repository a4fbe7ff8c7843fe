"""The learning rate over the steps of a stage: warm-up, then constant, linear or cosine."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch.optim.lr_scheduler import LambdaLR

from trainables.parts.config import Fraction, Hyperparameters, Rate

Shape = Literal["constant", "linear", "cosine"]
"""How the learning rate varies after warm-up."""


@dataclass(frozen=True, kw_only=True)
class Schedule(Hyperparameters):
    """The shape of the schedule.

    Its horizon is the stage's full budget, also in a trial that is pruned.
    """

    schedule: Shape = "constant"
    """Learning rate after the warm-up: constant at its peak, or falling linearly or along half a
    cosine (https://arxiv.org/abs/1608.03983)."""
    warmup_ratio: Fraction = 0.0
    """Fraction of the stage's steps in which the learning rate rises linearly from 0 to its
    peak."""
    min_learning_rate: Rate = 0.0
    """Learning rate at the end of a linear or cosine schedule."""


def learning_rate(config: Schedule, peak: float, step: int, steps: int) -> float:
    """The learning rate at `step` of `steps`, counted from 0, for a group with this peak rate."""
    warmup = round(config.warmup_ratio * steps)
    if step < warmup:
        return peak * step / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    factors = {
        "constant": 1.0,
        "linear": 1 - progress,
        "cosine": (1 + math.cos(math.pi * progress)) / 2,
    }
    factor = factors[config.schedule]
    low = min(config.min_learning_rate, peak)
    return low + (peak - low) * factor


def build(config: Schedule, optimizer: torch.optim.Optimizer, steps: int) -> LambdaLR:
    """A scheduler; call its `step` after each of `steps` optimiser steps."""

    def factor(peak: float) -> Callable[[int], float]:
        return lambda step: (
            learning_rate(config, peak, min(step, steps), steps) / peak if peak > 0 else 0.0
        )

    return LambdaLR(optimizer, [factor(group["lr"]) for group in optimizer.param_groups])
