"""The models of several seeds as one: their weights averaged, or their probabilities."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any, Literal

import numpy as np

import trainables
from analysis.metric import Metric, qualifier
from search.inputs import Prepared
from search.trials.parcel import Weights
from trainables.parts.data.tokens import Tokens
from trainables.parts.model.head import Head
from trainables.parts.model.text_classifier import TextClassifier
from trainables.parts.quote import quoted
from trainables.parts.training.scores import scores

Kind = Literal["soup", "ensemble"]


@dataclass(frozen=True)
class Combined:
    """What combining the seeds' models brought. Scores are fractions, by the recipe's metric."""

    kind: Kind
    """soup: the mean of all weights, https://arxiv.org/abs/2203.05482; ensemble: the mean of all
    probabilities."""
    seeds: tuple[int, ...]
    metric: Metric
    validation_score: float
    seeds_validation_score: tuple[float, ...]
    """Of each seed's own model, in the order of `seeds`."""
    test_score: float | None
    """It chose nothing; None without a test split."""
    kept: bool
    """Whether the folder holds it. A soup that is worse on validation than the best seed is
    dropped, and the folder holds the model of that seed."""

    def __str__(self) -> str:
        scores, score = self.seeds_validation_score, f"{self.validation_score:.4f}"
        test = "" if self.test_score is None else f"; test {self.test_score:.4f}"
        return (
            f"{self.kind} of {len(self.seeds)} seeds: validation {score}{qualifier(self.metric)}"
            f" (the seeds' mean {fmean(scores):.4f}, the best {max(scores):.4f}){test}"
        )

    def to_dict(self) -> dict[str, Any]:
        """As scores.json holds it: `validation_accuracy` where that is the metric."""
        return {name.replace("score", self.metric): value for name, value in asdict(self).items()}

    @property
    def warning(self) -> str | None:
        """A line where the best seed's model is better on validation."""
        if self.validation_score >= max(self.seeds_validation_score):
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
    if folds := recipe["data"].get("folds"):
        raise ValueError(
            f"{flag} needs a validation split, on which the models are compared; the recipe was"
            f" found with --folds {folds}"
        )
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
        _mean([weights.encoder for weights in trained]),
        _mean([weights.head for weights in trained]),
    )


def _mean(arrays: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    means = {}
    for name, first in arrays[0].items():
        mean = np.mean([weights[name] for weights in arrays], axis=0, dtype=np.float64)
        means[name] = np.asarray(mean, dtype=first.dtype)
    return means


def measured(
    kind: Kind, model: TextClassifier, seeds: Mapping[int, float], prepared: Prepared
) -> Combined:
    """The combined model against the seeds' own, whose scores on validation are `seeds`."""
    metric = prepared.data.metric
    score = _score(model, prepared.validation, metric)
    return Combined(
        kind,
        tuple(seeds),
        metric,
        score,
        tuple(seeds.values()),
        None if prepared.test is None else _score(model, prepared.test, metric),
        kept=kind == "ensemble" or score >= max(seeds.values()),
    )


def _score(model: TextClassifier, split: Tokens, metric: Metric) -> float:
    return scores(model.logits(split), split.targets).of(metric)
