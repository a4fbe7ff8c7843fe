"""The space of `supcon`: the contrastive space, and how many of a label stand side by side.

The two views differ by the dropout after the encoder, as in the paper. Two passes through the
encoder were 0 to 1.3 points better and took 1.6 to 1.9 times as long (LOG.md). To use them:
`--fix views=encoder_dropout`.
"""

from typing import Any

from spaces.parts.batches import sentences_per_label
from spaces.parts.contrastive import contrastive

POINTS = [
    {
        "pooling": "mean",
        "temperature": 0.07,
        "dropout": 0.1,
        "projection": "mlp",
        "projection_width": 128,
        "optimizer": "adamw",
        "weight_decay": 0.01,
        "learning_rate": rate,
        "layerwise_decay": 0.9,
        "schedule": "linear",
        "warmup_ratio": 0.1,
        "batch_size": 64,
        "sentences_per_label": 2,
    }
    for rate in (3e-4, 1e-4)
]
"""The best with one pass of the runs in LOG.md, on three data sets, and a third of its rate."""


def space(trial: Any) -> dict[str, Any]:
    """Suggest values for fields of `trainables.supcon.Config`."""
    return contrastive(trial, views=("head_dropout",)) | sentences_per_label(trial)
