"""The part of the space that the fine-tuning regimes of today's literature share."""

from collections.abc import Sequence
from typing import Any

from spaces.parts.fine_tune import fine_tune
from spaces.parts.optimizer import SHAPES, schedule, warmup

POINTS = [{"pooling": "mean", "learning_rate": 3e-4}]
"""The vectors of sentence encoders, and the highest learning rate that BERT's authors tried:
https://github.com/google-research/bert (release of 24 smaller models). One point, since
`--regime auto` runs the points of all regimes before it decides."""


def common_practice(trial: Any, shapes: Sequence[str] = SHAPES, **choices: Any) -> dict[str, Any]:
    """Suggest what the paper's regimes have in common, a schedule among `shapes`, and the warm-up.

    `choices` are passed to `fine_tune`.
    """
    return fine_tune(trial, **choices) | schedule(trial, shapes) | warmup(trial)
