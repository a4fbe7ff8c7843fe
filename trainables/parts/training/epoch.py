"""What a regime reports after each epoch."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Epoch:
    """One epoch of training, as a regime yields it and as the study, MLflow and the tables record
    it."""

    epoch: int
    """Counts from 1 and goes on counting from stage to stage."""
    stage: str
    """What is being trained: "fine-tune", "contrastive", "classifier", or "untuned" where nothing
    is."""
    train_loss: float | None
    """Mean over the epoch's mini-batches of the loss that is minimised."""
    train_accuracy: float | None
    """Of the predictions made while training, dropout on; None where the loss makes no
    predictions."""
    validation_loss: float | None
    """Mean cross-entropy over the validation sentences; None where no classifier is trained yet."""
    validation_accuracy: float
    """Correct / total on validation; in a contrastive stage, that of a ridge classifier on the
    frozen features."""
    best_validation_accuracy: float
    """The highest validation accuracy of this stage so far: the last one of a trial is the trial's
    score."""
    learning_rate: float
    """Of the parameter group with the highest rate, at the epoch's last step."""
    steps: int
    """Optimiser steps in this epoch."""
    seconds: float
    """Wall time of the epoch, validation included."""
    micro_batch: int | None = None
    """Sentences that went through the model at a time: the batch size, or less where memory was
    short; None where none did."""

    def to_dict(self) -> dict[str, Any]:
        """Every field with its value, ready for JSON."""
        return asdict(self)
