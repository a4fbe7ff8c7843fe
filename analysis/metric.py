"""The metric of a search: what its trials are ranked, pruned and chosen by, on validation.

Every record has each metric's score in a field of its own, whatever the search's metric is. Only
this file knows how these fields are named, and what the metric is called in words.
"""

from collections.abc import Mapping
from typing import Any, Literal

Metric = Literal["accuracy", "macro_f1"]
WORDS: Mapping[Metric, str] = {"accuracy": "accuracy", "macro_f1": "macro-F1"}
"""What readers see."""


def validation_field(metric: Metric) -> str:
    """The field of an epoch's score on validation, and of a floor's."""
    return f"validation_{metric}"


def best_validation_field(metric: Metric) -> str:
    """The field of the score on validation of the epoch whose weights are kept, and of a trial's
    score."""
    return f"best_validation_{metric}"


def confirmed_field(metric: Metric) -> str:
    """The field of the winner's scores on validation on the report seeds."""
    return f"confirmed_{metric}"


def choice_field(metric: Metric) -> str:
    """The field of the scores by which winners are chosen."""
    return f"choice_{metric}"


def test_field(metric: Metric) -> str:
    """The field of a score on the test split."""
    return f"test_{metric}"


def capitalised(metric: Metric) -> str:
    """The metric in words, at the start of a line."""
    return WORDS[metric][0].upper() + WORDS[metric][1:]


def other(metric: Metric) -> Metric:
    """The metric that is shown beside it."""
    return "macro_f1" if metric == "accuracy" else "accuracy"


def qualifier(metric: Metric) -> str:
    """` macro-F1`, behind a score in percent; empty for the accuracy, which percents are of."""
    return "" if metric == "accuracy" else f" {WORDS[metric]}"


def prefix(metric: Metric) -> str:
    """`macro-F1 `, before a score in percent with its n; empty for the accuracy."""
    return "" if metric == "accuracy" else f"{WORDS[metric]} "


def percent_of(score: float, metric: Metric) -> str:
    """A score in a sentence: `87.3 %`, or `81.2 % macro-F1`."""
    return f"{100 * score:.1f} %{qualifier(metric)}"


def run_score(epochs: list[dict[str, Any]], metric: Metric) -> float:
    """The score of a run, from its epochs: that of the epoch whose weights are kept."""
    score: float = epochs[-1][best_validation_field(metric)]
    return score
