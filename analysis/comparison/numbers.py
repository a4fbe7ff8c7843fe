"""The comparison as numbers: a row per search, beside the paper's where the data allow it."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import pandas

from analysis import paper
from analysis.comparison.rows import ordered
from analysis.intervals import Difference, Interval, difference, mean_interval
from analysis.read.summary import Summary


def numbers(summaries: Sequence[Summary]) -> pandas.DataFrame:
    """A row per search, in the table's order."""
    return pandas.DataFrame([row(summary) for summary in ordered(summaries)])


def row(summary: Summary) -> dict[str, Any]:
    """One search's numbers: fractions, nats, seconds, counts; NaN where missing.

    Means over seeds have three columns: `*_mean`, `*_half_width` of the 95 % interval, and `*_n`.
    """
    published = paper.row(summary.regime) if summary.comparable else None
    to_paper = _difference(summary, published)
    contrastive = summary.last_contrastive_loss
    return {
        "name": summary.name,
        "regime": summary.regime,
        "data": summary.data,
        "model": summary.model,
        "comparable": summary.comparable,
        "paper_test_accuracy": published.test_accuracy if published else math.nan,
        "paper_test_loss": published.test_loss if published else math.nan,
        "paper_config_validation_accuracy": _float(summary.paper_config_validation_accuracy),
        "best_validation_accuracy": _float(summary.best_validation_accuracy),
        **_mean_columns("confirmed_accuracy", summary.confirmed_accuracy),
        **_mean_columns("test_accuracy", summary.test_accuracies),
        **_over_floor(summary),
        "difference": to_paper.value if to_paper else math.nan,
        "difference_noise": to_paper.noise if to_paper else math.nan,
        "difference_exceeds": to_paper.exceeds if to_paper else None,
        "test_loss": _mean(run.test_loss for run in summary.test),
        "test_loss_paper": _mean(run.test_loss_paper for run in summary.test),
        "batch_size": _float(summary.batch_size),
        "last_contrastive_loss_sum": _float(contrastive.sum if contrastive else None),
        "last_contrastive_loss_mean": _float(contrastive.mean if contrastive else None),
        **{state: summary.states.get(state, 0) for state in ("COMPLETE", "PRUNED", "FAIL")},
        "seconds": _float(summary.seconds),
    }


def _mean_columns(name: str, values: Sequence[float]) -> dict[str, float]:
    mean = mean_interval(values) if values else Interval(math.nan, None, 0)
    return {
        f"{name}_mean": mean.mean,
        f"{name}_half_width": _float(mean.half_width),
        f"{name}_n": mean.n,
    }


def _over_floor(summary: Summary) -> dict[str, Any]:
    """The winner's mean validation accuracy minus the best floor's, which is a single run."""
    floor, runs = summary.best_floor, summary.confirmed_accuracy
    over = (
        mean_interval([run - floor.validation_accuracy for run in runs]) if floor and runs else None
    )
    return {
        "floor": floor.regime if floor else None,
        "floor_validation_accuracy": _float(floor.validation_accuracy if floor else None),
        "over_floor": over.mean if over else math.nan,
        "over_floor_half_width": _float(over.half_width if over else None),
    }


def _difference(summary: Summary, published: paper.Row | None) -> Difference | None:
    if published is None or not summary.test:
        return None
    test_size = summary.test_size or paper.SIZES["test"]
    return difference(summary.test_accuracies, published.test_accuracy, test_size)


def _float(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _mean(values: Iterable[float]) -> float:
    values = list(values)
    return sum(values) / len(values) if values else math.nan
