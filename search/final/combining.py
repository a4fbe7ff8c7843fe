"""The models of several seeds as one: their weights averaged, or their probabilities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

import numpy as np

import trainables
from search.inputs import Prepared
from search.trials.worker import Weights
from trainables.parts.data.tokens import Tokens
from trainables.parts.model.head import Head
from trainables.parts.model.text_classifier import TextClassifier
from trainables.parts.quote import quoted
from trainables.parts.training.scores import scores

Kind = Literal["soup", "ensemble"]


@dataclass(frozen=True)
class Combined:
    """What combining the seeds' models brought. Accuracies are fractions."""

    kind: Kind
    """soup: the mean of all weights, https://arxiv.org/abs/2203.05482; ensemble: the mean of all
    probabilities."""
    seeds: tuple[int, ...]
    validation_accuracy: float
    seeds_validation_accuracy: tuple[float, ...]
    """Of each seed's own model, in the order of `seeds`."""
    test_accuracy: float | None
    """It chose nothing; None without a test split."""
    kept: bool
    """Whether the folder holds it. A soup that is worse on validation than the best seed is
    dropped, and the folder holds the model of that seed."""

    def __str__(self) -> str:
        accuracies = self.seeds_validation_accuracy
        test = "" if self.test_accuracy is None else f"; test {self.test_accuracy:.4f}"
        return (
            f"{self.kind} of {len(self.seeds)} seeds: validation {self.validation_accuracy:.4f}"
            f" (the seeds' mean {fmean(accuracies):.4f}, the best {max(accuracies):.4f}){test}"
        )

    @property
    def warning(self) -> str | None:
        """A line where the best seed's model is better on validation."""
        if self.validation_accuracy >= max(self.seeds_validation_accuracy):
            return None
        worse = f"on validation the {self.kind} is worse than the best seed's model"
        if self.kept:
            return f"{worse}; the folder holds the {self.kind} all the same"
        return f"{worse}, so the folder holds that model and not the {self.kind}"


def check_combination(kind: Kind | None, seeds: int, recipe: Mapping[str, Any], onnx: bool) -> None:
    """Raise ValueError where the seeds' models cannot be combined, before any training."""
    if kind is None:
        return
    flag, config = f"--{kind}", trainables.load(recipe["regime"]).Config
    if seeds < 2:
        raise ValueError(f"{flag} needs --seeds 2 or more; got {seeds}")
    if not issubclass(config, Head):
        raise ValueError(
            f"{flag} needs a regime with an encoder; {quoted(recipe['regime'])} has none"
        )
    if kind == "ensemble" and onnx:
        raise ValueError(
            "--ensemble cannot be written as ONNX, which holds one model; leave one"
            " of --ensemble and --onnx out, or use --soup"
        )
    drawn = getattr(config.from_dict(recipe["config"]), "reinit_layers", 0)
    if kind == "soup" and drawn:
        raise ValueError(
            f"--soup needs seeds that start from the same encoder, but the recipe draws {drawn}"
            " layers anew on each seed (reinit_layers); use --ensemble"
        )


def mean_weights(trained: Sequence[Weights]) -> Weights:
    """The mean of the models' weights."""
    return Weights(
        _mean([one.encoder for one in trained]),
        _mean([one.head for one in trained]),
    )


def _mean(arrays: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    means = {}
    for name, first in arrays[0].items():
        mean = np.mean([one[name] for one in arrays], axis=0, dtype=np.float64)
        means[name] = np.asarray(mean, dtype=first.dtype)
    return means


def measured(
    kind: Kind, model: TextClassifier, accuracies: Mapping[int, float], prepared: Prepared
) -> Combined:
    """The combined model against the seeds' own, with their validation `accuracies` by seed."""
    accuracy = _accuracy(model, prepared.validation)
    return Combined(
        kind,
        tuple(accuracies),
        accuracy,
        tuple(accuracies.values()),
        None if prepared.test is None else _accuracy(model, prepared.test),
        kept=kind == "ensemble" or accuracy >= max(accuracies.values()),
    )


def _accuracy(model: TextClassifier, split: Tokens) -> float:
    return scores(model.logits(split), split.targets).accuracy
