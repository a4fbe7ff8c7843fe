"""The metrics of an epoch: each field is one in the journal, in epochs.csv and in MLflow."""

from dataclasses import dataclass, field, fields
from typing import Any, Self

from trainables.parts.training.scores import LabelCounts, Scores


@dataclass(frozen=True)
class Epoch:
    """What a regime yields after each epoch. The study, MLflow and the tables use these names."""

    epoch: int
    """From 1, counted through all stages. A stage begins after the full budgets of those before it,
    also where these ended early, so that an epoch beyond the budget is one of a later stage."""
    stage: str
    """"fine-tune", "contrastive", "classifier", or "untuned" where nothing is trained."""
    train_loss: float | None
    """Mean of the minimised loss over the epoch's mini-batches; None without training."""
    train_accuracy: float | None
    """Of the predictions made in training, with dropout; None for a contrastive loss."""
    validation_loss: float | None
    """Mean cross-entropy over the validation split; None until a classifier is trained."""
    validation_accuracy: float
    """Correct / total on the validation split, or, with cross-validation, on the sentences that
    each fold holds out. In a contrastive stage, a ridge classifier on the frozen vectors
    predicts."""
    best_validation_accuracy: float
    """Of this stage's best epoch so far, whose weights are kept: the best by the search's metric;
    with cross-validation, of the last epoch. A trial whose metric is the accuracy has its last
    value as its score."""
    learning_rate: float
    """The highest of the parameter groups at the epoch's last step; the folds' mean with
    cross-validation."""
    steps: int
    """Optimiser steps in this epoch."""
    seconds: float
    """Wall time, validation included."""
    micro_batch: int | None = None
    """Sentences per pass through the model: the batch size, or fewer if memory was short; None if
    there was no pass."""
    validation_macro_f1: float | None = None
    """Mean F1 of the labels on the validation split. None in epochs of earlier versions."""
    best_validation_macro_f1: float | None = None
    """As `best_validation_accuracy`: of the same epoch, and the score where it is the metric."""
    counts: LabelCounts | None = field(default=None, compare=False, repr=False)
    """What `validation_macro_f1` is made of, for cross-validation to add up. Not recorded."""

    @classmethod
    def closed_form(cls, stage: str, validation: Scores, seconds: float, epoch: int = 1) -> Self:
        """The only epoch of a stage that takes no steps: its classifier is computed, or random."""
        return cls(
            epoch=epoch,
            stage=stage,
            train_loss=None,
            train_accuracy=None,
            validation_loss=validation.loss,
            validation_accuracy=validation.accuracy,
            best_validation_accuracy=validation.accuracy,
            learning_rate=0.0,
            steps=0,
            seconds=seconds,
            validation_macro_f1=validation.macro_f1,
            best_validation_macro_f1=validation.macro_f1,
            counts=validation.counts,
        )

    def to_dict(self) -> dict[str, Any]:
        """The recorded fields, ready for JSON."""
        return {name: getattr(self, name) for name in EPOCH_FIELDS}


EPOCH_FIELDS = tuple(each.name for each in fields(Epoch) if each.name != "counts")
"""The fields that are recorded."""
