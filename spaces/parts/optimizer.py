"""The optimiser with its learning rates and weight decay, and the schedule."""

from collections.abc import Sequence
from typing import Any

ADAMW = {"learning_rate": (1e-5, 1e-3), "head_learning_rate": (1e-4, 3e-2)}
"""Peak learning rates. The encoder's range includes both of the paper's, 1e-4 and 1e-5."""
SGD = {"learning_rate": (0.1, 3.0), "head_learning_rate": (0.1, 10.0)}
"""Effective peak learning rates, with gradients clipped to `SGD_CLIP`. Without clipping, 0.01
hardly learns on 600 sentences, and 0.3 diverges without warm-up (LOG.md)."""
SGD_CLIP = 1.0
"""Norm of the largest gradient, the default of transformers' Trainer. The longest step is then the
learning rate; one of AdamW changes each of MiniLM's weights by its own, 3,000 times as long."""
SHAPES = ("constant", "linear", "cosine")
"""Learning-rate schedules after the warm-up."""

Ranges = dict[str, tuple[float, float]]


def optimizer(
    trial: Any,
    *rates: str,
    kinds: Sequence[str] = ("sgd", "adamw"),
    adamw: Ranges = ADAMW,
    sgd: Ranges = SGD,
    sgd_clip: float | None = SGD_CLIP,
) -> dict[str, Any]:
    """Suggest the optimiser, one of `kinds`, and its own fields, with the learning rates `rates`.

    AdamW's ranges are `adamw`, SGD's are `sgd`, with gradients clipped to norm `sgd_clip`.
    """
    kind = trial.suggest_categorical("optimizer", list(kinds)) if len(kinds) > 1 else kinds[0]
    values: dict[str, Any] = {"optimizer": kind}
    if values["optimizer"] == "adamw":
        values["weight_decay"] = trial.suggest_float("weight_decay", 0.0, 0.1)
        return values | {name: trial.suggest_float(name, *adamw[name], log=True) for name in rates}
    if sgd_clip is not None:
        values["max_grad_norm"] = sgd_clip
    values["sgd_weight_decay"] = trial.suggest_float("sgd_weight_decay", 0.0, 1e-3)
    values["momentum"] = trial.suggest_float("momentum", 0.0, 0.99)
    if values["momentum"] > 0:
        values["nesterov"] = trial.suggest_categorical("nesterov", [False, True])
    return values | {
        f"sgd_{name}": trial.suggest_float(f"sgd_{name}", *sgd[name], log=True) for name in rates
    }


def schedule(trial: Any, shapes: Sequence[str] = SHAPES) -> dict[str, Any]:
    """Suggest the learning-rate schedule after the warm-up."""
    return {"schedule": trial.suggest_categorical("schedule", list(shapes))}


def warmup(trial: Any) -> dict[str, Any]:
    """Suggest the fraction of steps in which the learning rate rises."""
    return {"warmup_ratio": trial.suggest_float("warmup_ratio", 0.0, 0.5)}
