"""A running average of the weights over the last steps of training.

Stochastic weight averaging (https://arxiv.org/abs/1803.05407), at every step instead of every
epoch.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Averaging:
    """Which steps are averaged, and how. By default none are."""

    start: float = 1.0
    """Fraction of all steps before the first that counts."""
    decay: float = 1.0
    """What the average keeps of itself at each further step, at most. 1: the plain mean of the
    weights after each step so far. Less: an exponential average that begins as the plain mean."""

    def begin(self, model: nn.Module, steps: int) -> "RunningAverage":
        """The average over a training of `model` that takes so many steps."""
        return RunningAverage(model, int(self.start * steps), steps, self.decay)


NO_AVERAGE = Averaging()


class RunningAverage:
    """The average of a model's weights after each step but the first `skipped` of `steps`.

    Takes the memory of the weights once more, from the beginning, so that a trial which fits does
    not grow later. Nothing where every step is skipped.
    """

    def __init__(self, model: nn.Module, skipped: int, steps: int, decay: float) -> None:
        self.skipped, self.decay, self.taken = skipped, decay, 0
        averaged = list(model.parameters()) if skipped < steps else []
        self.parameters: list[nn.Parameter] = averaged
        self.mean: list[Tensor] = [parameter.detach().clone() for parameter in averaged]

    def update(self) -> None:
        """Count the weights as they are now, after a step."""
        self.taken += 1
        if self.taken > self.skipped and self.parameters:
            weight = max(1 / (self.taken - self.skipped), 1 - self.decay)
            now = [parameter.detach() for parameter in self.parameters]
            torch._foreach_lerp_(self.mean, now, weight)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The model has the averaged weights inside, and its own again after.

        Before the first step that counts, its own all the time.
        """
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        if self.taken > self.skipped:
            for place, parameter in enumerate(self.parameters):
                parameter.data, self.mean[place] = self.mean[place], parameter.data
