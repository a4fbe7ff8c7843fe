"""The space of `lora`: the adapters' rank and rates, and common practice beside them."""

from typing import Any

from spaces.parts.batches import batch_size
from spaces.parts.head import head
from spaces.parts.optimizer import optimizer, schedule, warmup

ADAMW = {"learning_rate": (1e-4, 1e-2), "head_learning_rate": (1e-4, 3e-2)}
"""Peak learning rates. The adapters' is ten times that of whole layers."""
POINTS = [{"pooling": "mean", "learning_rate": 2e-3}]
"""The vectors of sentence encoders, and a rate in the upper half of the range."""


def space(trial: Any) -> dict[str, Any]:
    """Suggest values for fields of `trainables.lora.Config`.

    `lora_alpha` stays as it is: changing it does what changing the learning rate does.
    """
    values = (
        head(trial)
        | {"lora_rank": trial.suggest_categorical("lora_rank", [4, 8, 16, 32, 64])}
        | optimizer(trial, "learning_rate", "head_learning_rate", kinds=["adamw"], adamw=ADAMW)
        | batch_size(trial, 16, 32, 64)
    )
    if values["head_width"] is None:
        values["head_init"] = trial.suggest_categorical("head_init", ["random", "ridge"])
    return values | schedule(trial) | warmup(trial)
