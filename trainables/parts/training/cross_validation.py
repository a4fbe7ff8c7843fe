"""Cross-validation: every training sentence is validated by a model that was not trained on it.

Each fold is a plain run of the regime on the sentences of the other folds. All of them run side by
side in one process, an epoch at a time, so that a trial can be judged, and pruned, after each.
"""

import warnings
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainables.parts.data.tokens import Data
from trainables.parts.training.epoch_metrics import Epoch

Training = Generator[Epoch, None, Any]
"""A regime's run: its epochs, and then its model."""
WEIGHTED = (
    "validation_loss",
    "validation_accuracy",
    "best_validation_accuracy",
    "validation_macro_f1",
    "best_validation_macro_f1",
)
"""Means over the sentences that are held out; the others are means over the folds."""


def cross_validate(train: Callable[[Data], Training], data: Data, seed: int) -> Training:
    """Yield the mean of the folds' epochs; then return the logits of all training sentences (N, K).

    `train` begins a run on a part of the data. The mean of an accuracy or a loss is that of all
    sentences. The mean of a macro-F1 is that of the folds' own, as in scikit-learn's
    `cross_val_score`.
    """
    parts = [data.divided(*rows) for rows in folds(data, seed)]
    held_out = [rows for _, rows in folds(data, seed)]
    sizes = [len(rows) for rows in held_out]
    runs = [_OwnRandomness(train(part)) for part in parts]
    while len(epochs := [epoch for run in runs if (epoch := run.next()) is not None]) == len(runs):
        yield _mean(epochs, sizes)
    assert not epochs, "the folds have different numbers of epochs"
    logits = [run.model.logits(part.validation).cpu() for run, part in zip(runs, parts)]
    order = torch.from_numpy(np.concatenate(held_out)).argsort()
    return torch.cat(logits)[order]


def refit(train: Callable[[Data], Training], data: Data) -> Any:
    """The model of all training sentences, trained as those of the folds.

    Nothing judges it, so it is validated on a single sentence.
    """
    rows = np.arange(len(data.train))
    training = train(data.divided(rows, rows[:1]))
    while True:
        try:
            next(training)
        except StopIteration as end:
            return end.value


def folds(data: Data, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each fold the rows of train that are trained on, and those that are held out; stratified
    by label."""
    from sklearn.model_selection import StratifiedKFold  # takes a second to import

    assert data.folds is not None
    divide = StratifiedKFold(data.folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # The data's notes name labels with too few rows.
        return list(divide.split(data.train.labels, data.train.labels))


class _OwnRandomness:
    """A run that draws the same random numbers as if it ran alone."""

    def __init__(self, training: Training) -> None:
        self.model: Any = None
        """Once it has ended."""
        self._training = training
        self._states: tuple[Tensor, Tensor | None] | None = None

    def next(self) -> Epoch | None:
        """The next epoch; None at the end."""
        if self._states is not None:
            cpu, gpu = self._states
            torch.set_rng_state(cpu)
            if gpu is not None:
                torch.cuda.set_rng_state(gpu)
        try:
            return next(self._training)
        except StopIteration as end:
            self.model = end.value
            return None
        finally:
            gpu = torch.cuda.get_rng_state() if torch.cuda.is_initialized() else None
            self._states = torch.get_rng_state(), gpu


def _mean(epochs: list[Epoch], sizes: list[int]) -> Epoch:
    """The folds' epochs as one."""

    def mean(name: str) -> float | None:
        values = [getattr(epoch, name) for epoch in epochs]
        weights = sizes if name in WEIGHTED else None
        return None if None in values else float(np.average(values, weights=weights))

    means: dict[str, Any] = {
        name: mean(name) for name in (*WEIGHTED, "train_loss", "train_accuracy")
    }
    return replace(
        epochs[0],
        **means,
        steps=sum(epoch.steps for epoch in epochs),
        seconds=sum(epoch.seconds for epoch in epochs),
        micro_batch=min(epoch.micro_batch or 0 for epoch in epochs) or None,
    )
