"""What trials report, for tests that train nothing."""

from typing import Any

from trainables.parts.data.corpus import Corpus, Split

CORPUS = Corpus("toy", Split((), ()), Split(("yes", "no", "=1+1"), (0, 1, 1)), None, ("a", "b"), ())
"""Nothing to train on, and three sentences to err on."""


def epoch(number: int, accuracy: float, best: float | None = None) -> dict[str, Any]:
    """An epoch; `best`: the best accuracy so far, if it is not this one."""
    losses = {"train_loss": 1.0, "train_accuracy": None, "validation_loss": 1.0}
    scores = {
        "validation_accuracy": accuracy,
        "best_validation_accuracy": accuracy if best is None else best,
    }
    return {
        "epoch": number,
        "stage": "fine-tune",
        **losses,
        **scores,
        "learning_rate": 1e-4,
        "steps": 3,
        "seconds": 0.1,
        "micro_batch": 16,
        "validation_macro_f1": 0.4,
        "best_validation_macro_f1": 0.4,
    }
