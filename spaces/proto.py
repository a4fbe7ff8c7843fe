"""The space of `proto`: the prototypes, their temperature, and rates that keep what they know."""

from typing import Any

from spaces.parts.batches import batch_size
from spaces.parts.head import pooling
from spaces.parts.optimizer import optimizer, schedule, warmup

ADAMW = {"learning_rate": (3e-6, 5e-4), "head_learning_rate": (1e-4, 1e-2)}
"""Peak learning rates: from SetFit's order of magnitude to the highest of fine-tuning."""
POINTS = [{"learning_rate": 1e-4, "prototypes": "means", "name_weight": 0.25}]
"""The defaults, with prototypes that follow the encoder: the best of what was tried on five
sentences of each label (LOG.md)."""


def space(trial: Any) -> dict[str, Any]:
    """Suggest values for fields of `trainables.proto.Config`.

    AdamW's only: unclipped SGD diverges from a first classifier that is not random
    (`spaces.parts.fine_tune`).
    """
    values = pooling(trial) | {
        "prototypes": trial.suggest_categorical("prototypes", ["learned", "means"]),
        "name_weight": trial.suggest_float("name_weight", 0.0, 0.5, step=0.05),
        "temperature": trial.suggest_float("temperature", 0.02, 0.2, log=True),
        "dropout": trial.suggest_float("dropout", 0.0, 0.5, step=0.05),
    }
    # Prototypes that follow the encoder have no learning rate of their own.
    rates = ["learning_rate"] + ["head_learning_rate"] * (values["prototypes"] == "learned")
    return (
        values
        | optimizer(trial, *rates, kinds=["adamw"], adamw=ADAMW)
        | batch_size(trial, 8, 16, 32, 64)
        | schedule(trial)
        | warmup(trial)
    )
