"""The learning rate over the steps of a stage: warm-up, then one of several shapes."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch.optim.lr_scheduler import LambdaLR

from trainables.parts.config import Fraction, Hyperparameters, Rate

Shape = Literal["constant", "linear", "cosine", "inverse_sqrt", "restarts", "one_cycle"]
"""How the learning rate varies after warm-up."""
CYCLES = 3
"""Times that `restarts` falls."""
ONE_CYCLE_START = 1 / 25
"""Fraction of the peak where `one_cycle` begins to rise. torch's OneCycleLR has it too."""


@dataclass(frozen=True, kw_only=True)
class Schedule(Hyperparameters):
    """The shape of the schedule.

    Its horizon is the stage's full budget, also in a trial that is pruned.
    """

    schedule: Shape = "constant"
    """Learning rate after the warm-up: constant at its peak; or falling linearly, along half a
    cosine, or along three of them one after the other (restarts,
    https://arxiv.org/abs/1608.03983), or as the inverse square root of the step
    (https://arxiv.org/abs/1706.03762). one_cycle rises along half a cosine too, from a 25th of the
    peak (https://arxiv.org/abs/1708.07120)."""
    warmup_ratio: Fraction = 0.0
    """Fraction of the stage's steps in which the learning rate rises linearly from 0 to its
    peak."""
    min_learning_rate: Rate = 0.0
    """Learning rate at the end of a linear or cosine schedule."""


def learning_rate(config: Schedule, peak: float, step: int, steps: int) -> float:
    """The learning rate at `step` of `steps`, counted from 0, for a group with this peak rate."""
    warmup = round(config.warmup_ratio * steps)
    if step < warmup:
        if config.schedule == "one_cycle":
            return peak * (1 - (1 - ONE_CYCLE_START) * _half_cosine(step / warmup))
        return peak * step / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    factors = {
        "constant": 1.0,
        "linear": 1 - progress,
        "cosine": _half_cosine(progress),
        "inverse_sqrt": math.sqrt(max(1, warmup) / max(1, step + (warmup == 0))),
        "restarts": _half_cosine(CYCLES * progress % 1) if progress < 1 else 0.0,
        "one_cycle": _half_cosine(progress),
    }
    factor = factors[config.schedule]
    low = min(config.min_learning_rate, peak)
    return low + (peak - low) * factor


def _half_cosine(progress: float) -> float:
    """From 1 at the beginning to 0 at the end."""
    return (1 + math.cos(math.pi * progress)) / 2


def build(config: Schedule, optimizer: torch.optim.Optimizer, steps: int) -> LambdaLR:
    """A scheduler; call its `step` after each of `steps` optimiser steps."""

    def factor(peak: float) -> Callable[[int], float]:
        return lambda step: (
            learning_rate(config, peak, min(step, steps), steps) / peak if peak > 0 else 0.0
        )

    return LambdaLR(optimizer, [factor(group["lr"]) for group in optimizer.param_groups])
