"""The space of `simclr_crop`: the contrastive space, and how much of a sentence a view shows."""

from typing import Any

from spaces.parts.contrastive import contrastive

POINTS = [{"learning_rate": 3e-4, "shortest_span": 0.7}]
"""The highest learning rate of common practice, and spans that keep most of a short sentence."""


def space(trial: Any) -> dict[str, Any]:
    """Suggest values for fields of `trainables.simclr_crop.Config`."""
    return contrastive(trial, views=("encoder_dropout",)) | {
        "shortest_span": trial.suggest_float("shortest_span", 0.2, 1.0),
        "word_dropout": trial.suggest_float("word_dropout", 0.0, 0.5),
    }
