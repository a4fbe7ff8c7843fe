"""The comparison as numbers: a row per search, beside the paper's where the data allow it."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import pandas

from analysis import paper
from analysis.comparison.floors import to_floor
from analysis.comparison.rows import ordered
from analysis.evidence import Evidence
from analysis.intervals import Interval
from analysis.metric import Metric, other, test_field
from analysis.read.scores import named
from analysis.read.summary import Summary


def numbers(summaries: Sequence[Summary], evidence: Evidence | None = None) -> pandas.DataFrame:
    """A row per search, in the table's order. `evidence`: by default that of these searches."""
    evidence = evidence or Evidence(summaries)
    return pandas.DataFrame([row(summary, evidence) for summary in ordered(summaries)])


def row(summary: Summary, evidence: Evidence) -> dict[str, Any]:
    """One search's numbers: fractions, nats, seconds, counts; NaN where missing.

    Columns with `score` in their name are of its metric, `test_other` of the other one. `records`
    has them under their own names.
    Means over seeds have five columns: `*_mean`, `*_half_width` of the 95 % interval on these
    sentences, `*_half_width_new_sentences`, `*_n`, and `*_df` of the spread over seeds.
    """
    published = paper.row(summary.regime) if summary.comparable else None
    to_paper = evidence.to_published(summary, published.test_accuracy) if published else None
    confirmed, besides = evidence.mean(summary, "validation"), test_field(other(summary.metric))
    contrastive = summary.last_contrastive_loss
    return {
        "name": summary.name,
        "regime": summary.regime,
        "data": summary.data,
        "model": summary.model,
        "comparable": summary.comparable,
        "paper_test_accuracy": published.test_accuracy if published else math.nan,
        "paper_test_loss": published.test_loss if published else math.nan,
        "paper_config_validation_score": _float(summary.trial_0_score),
        "best_validation_score": _float(summary.best_score),
        **_mean_columns("confirmed_score", confirmed),
        **_mean_columns("test_score", evidence.mean(summary, "test")),
        **_over_floor(summary, evidence),
        "difference": to_paper.value if to_paper else math.nan,
        "difference_noise": to_paper.half_width if to_paper else math.nan,
        "difference_noise_new_sentences": to_paper.new_sentences if to_paper else math.nan,
        "difference_exceeds": to_paper.exceeds if to_paper else None,
        "test_other": _mean(_float(getattr(run, besides)) for run in summary.test),
        "test_loss": _mean(run.test_loss for run in summary.test),
        "test_loss_paper": _mean(run.test_loss_paper for run in summary.test),
        "batch_size": _float(summary.batch_size),
        "last_contrastive_loss_sum": _float(contrastive.sum if contrastive else None),
        "last_contrastive_loss_mean": _float(contrastive.mean if contrastive else None),
        **{state: summary.states.get(state, 0) for state in ("COMPLETE", "PRUNED", "FAIL")},
        "seconds": _float(summary.seconds),
    }


def records(frame: pandas.DataFrame, metric: Metric) -> pandas.DataFrame:
    """The numbers of searches and floors with their columns named by the metric."""
    return named(frame.rename(columns={"test_other": test_field(other(metric))}), metric)


def _mean_columns(name: str, mean: Interval) -> dict[str, float]:
    return {
        f"{name}_mean": mean.mean,
        f"{name}_half_width": _float(mean.half_width),
        f"{name}_half_width_new_sentences": _float(mean.new_sentences),
        f"{name}_n": mean.n,
        f"{name}_df": _float(mean.freedom),
    }


def _over_floor(summary: Summary, evidence: Evidence) -> dict[str, Any]:
    """The winner's mean score minus the best floor's, which is a single run."""
    floor, (split, lead) = summary.best_floor, to_floor(summary, evidence)
    return {
        "floor": floor.regime if floor else None,
        "floor_validation_score": _float(summary.floor_score),
        "over_floor": _float(lead.value if lead else None),
        "over_floor_half_width": _float(lead.half_width if lead else None),
        "over_floor_split": split if lead else None,
    }


def _float(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _mean(values: Iterable[float]) -> float:
    values = list(values)
    return sum(values) / len(values) if values else math.nan
