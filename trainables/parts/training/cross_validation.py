"""Cross-validation: every training sentence is validated by a model that was not trained on it.

Each fold is a plain run of the regime on the sentences of the other folds. All of them run side by
side in one process, an epoch at a time, so that a trial can be judged, and pruned, after each.
"""

import warnings
from collections.abc import Callable, Generator
from dataclasses import fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainables.parts.data.corpus import normal_form
from trainables.parts.data.tokens import Data
from trainables.parts.training.epoch_metrics import Epoch
from trainables.parts.training.scores import LabelCounts

# For good: floors run in threads, and `catch_warnings` is for one. The data's notes name labels
# with too few sentences.
warnings.filterwarnings("ignore", "The least populated class", UserWarning)

EpochGenerator = Generator[Epoch, None, Any]
"""A regime's run: its epochs, and then its model."""


def cross_validate(
    train: Callable[[Data], EpochGenerator], data: Data, seed: int
) -> EpochGenerator:
    """Yield the folds' epochs as one; then return the logits of all training sentences (N, K).

    `train` begins a run on a part of the data. Scores and losses on validation are those of all
    held-out sentences together.
    """
    parts = folds(data, seed)
    held_out = [rows for _, rows in parts]
    divided = [data.divided(*rows) for rows in parts]
    runs = [_OwnRandomness(train(each)) for each in divided]
    while len(epochs := [epoch for run in runs if (epoch := run.next()) is not None]) == len(runs):
        yield _pooled(epochs, list(map(len, held_out)))
    assert not epochs, "the folds have different numbers of epochs"
    logits = [run.model.logits(each.validation).cpu() for run, each in zip(runs, divided)]
    order = torch.from_numpy(np.concatenate(held_out)).argsort()
    return torch.cat(logits)[order]


def refit(train: Callable[[Data], EpochGenerator], data: Data) -> Any:
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
    """For each fold the rows of train that are trained on, and those that are held out.

    Stratified by label. Sentences that are alike are held out together.
    """
    from sklearn.model_selection import StratifiedKFold  # takes a second to import

    assert data.folds is not None
    labels, texts = data.train.labels, data.train.texts
    forms = np.arange(len(labels)) if texts is None else np.array(list(map(normal_form, texts)))
    _, first, form_of = np.unique(forms, return_index=True, return_inverse=True)
    divide = StratifiedKFold(data.folds, shuffle=True, random_state=seed)
    of_forms = [forms for _, forms in divide.split(first, labels[first])]
    held_out = [np.isin(form_of, forms) for forms in of_forms]
    return [(np.flatnonzero(~rows), np.flatnonzero(rows)) for rows in held_out]


class _OwnRandomness:
    """A run that draws the same random numbers as if it ran alone."""

    def __init__(self, training: EpochGenerator) -> None:
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


def _pooled(epochs: list[Epoch], sizes: list[int]) -> Epoch:
    """The folds' epochs as one: a metric is the mean over the folds, on validation over the
    sentences. `sizes` are how many sentences the folds hold out."""

    def mean(name: str) -> float | None:
        values = [getattr(epoch, name) for epoch in epochs]
        weights = sizes if "validation" in name else None
        return None if None in values else float(np.average(values, weights=weights))

    names = [each.name for each in fields(epochs[0]) if each.type in (float, float | None)]
    metrics: dict[str, Any] = {name: mean(name) for name in names}
    counts = [epoch.counts for epoch in epochs if epoch.counts is not None]
    macro_f1 = LabelCounts.sum(counts).macro_f1 if len(counts) == len(epochs) else None
    others = dict[str, Any](
        # Every fold keeps its last epoch.
        best_validation_accuracy=mean("validation_accuracy"),
        validation_macro_f1=macro_f1,
        best_validation_macro_f1=macro_f1,
        steps=sum(epoch.steps for epoch in epochs),
        seconds=sum(epoch.seconds for epoch in epochs),
        micro_batch=min(epoch.micro_batch or 0 for epoch in epochs) or None,
        counts=None,
    )
    return replace(epochs[0], **metrics | others)
