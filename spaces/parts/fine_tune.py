"""The part of the space that the fine-tuning regimes share."""

from collections.abc import Sequence
from typing import Any

from spaces.parts.batches import batch_size
from spaces.parts.head import head
from spaces.parts.optimizer import optimizer

POINTS = [
    {
        "dropout": 0.1,
        "head_width": None,
        "learning_rate": rate,
        "head_learning_rate": 1e-3,
        "batch_size": 32,
    }
    for rate in (1e-4, 3e-4)
]
"""Learning rates that BERT's authors tried on every task: https://github.com/google-research/bert
(release of 24 smaller models)."""


def fine_tune(
    trial: Any,
    head_inits: Sequence[str] = ("random", "ridge"),
    batch_sizes: Sequence[int] = (16, 32, 64),
) -> dict[str, Any]:
    """Suggest the head, the optimiser with its learning rates, the batch size and the first head.

    A head from ridge is for AdamW only: its weights are some 30 times as large as random ones, and
    so is the gradient of the encoder, with which unclipped SGD diverges at every rate tried
    (LOG.md). Clipped, it was not tried.
    """
    values = (
        head(trial)
        | optimizer(trial, "learning_rate", "head_learning_rate")
        | batch_size(trial, *batch_sizes)
    )
    linear, adamw = values["head_width"] is None, values["optimizer"] == "adamw"
    if linear and adamw and len(head_inits) > 1:
        values["head_init"] = trial.suggest_categorical("head_init", list(head_inits))
    return values
