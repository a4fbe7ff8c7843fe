"""How the learning rate moves over the steps of a stage: warm-up, then constant, linear or
cosine."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch.optim.lr_scheduler import LambdaLR

from trainables.parts.config import Fraction, Hyperparameters, Rate


@dataclass(frozen=True, kw_only=True)
class Schedule(Hyperparameters):
    """The schedule's shape; its horizon is always the stage's full budget, also where a trial is
    stopped early."""

    schedule: Literal["constant", "linear", "cosine"] = "constant"
    """After the warm-up: stay at the peak, fall in a straight line, or along half a cosine
    (https://arxiv.org/abs/1608.03983)."""
    warmup_ratio: Fraction = 0.0
    """Fraction of the stage's steps in which the rate rises in a straight line from 0 to its peak."""
    min_learning_rate: Rate = 0.0
    """Where linear and cosine end, at the stage's last step."""


def learning_rate(config: Schedule, peak: float, step: int, steps: int) -> float:
    """The rate of step `step` (the first is 0) out of `steps`, for a group whose peak is `peak`."""
    warmup = round(config.warmup_ratio * steps)
    if step < warmup:
        return peak * step / warmup
    done = (step - warmup) / max(1, steps - warmup)
    factor = {"constant": 1.0, "linear": 1 - done, "cosine": (1 + math.cos(math.pi * done)) / 2}[
        config.schedule
    ]
    low = min(config.min_learning_rate, peak)
    return low + (peak - low) * factor


def build(config: Schedule, optimizer: torch.optim.Optimizer, steps: int) -> LambdaLR:
    """A scheduler to be stepped after each of `steps` optimiser steps."""

    def factor(peak: float) -> Callable[[int], float]:
        return lambda step: (
            learning_rate(config, peak, min(step, steps), steps) / peak if peak > 0 else 0.0
        )

    return LambdaLR(optimizer, [factor(group["lr"]) for group in optimizer.param_groups])
