"""The metrics of a whole run, not of its epochs: test scores, floors, the result of a search."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import fmean

from optuna.trial import FrozenTrial, TrialState

from analysis.comparison.floors import to_floor
from analysis.comparison.rows import is_papers
from analysis.evidence import Evidence
from analysis.metric import WORDS, best_validation_field, other, validation_field
from analysis.read.summary import Summary
from search.study.records import Record


def percent_number(fraction: float) -> str:
    """A score in the name of a run: `87.3`."""
    return f"{100 * fraction:.1f}"


def test_metrics(scores: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    """The means over seeds of scores on the test split; None without any, or where one lacks it."""
    means: dict[str, float | None] = {}
    for name in ("test_accuracy", "test_macro_f1", "test_loss", "test_loss_paper"):
        known = [score for run in scores if (score := run.get(name)) is not None]
        means[name] = fmean(known) if known and len(known) == len(scores) else None
    return means


def floor_metrics(record: Record) -> dict[str, float | None]:
    """The scores of a floor, which has no epochs."""
    scores = {metric: record.get(validation_field(metric)) for metric in WORDS}
    return {
        **{validation_field(metric): score for metric, score in scores.items()},
        **{best_validation_field(metric): score for metric, score in scores.items()},
        "validation_loss": record["validation_loss"],
        **record.get("test", {}),
    }


def summary_metrics(summary: Summary) -> dict[str, float | None]:
    """The results of a search."""
    metric, besides = summary.metric, other(summary.metric)
    tested = test_metrics([asdict(run) for run in summary.test])
    papers = {
        "paper_config_validation_accuracy": summary.paper_config_validation_accuracy,
        "paper_config_validation_macro_f1": summary.paper_config_validation_macro_f1,
    }
    if not is_papers([summary]):
        del tested["test_loss_paper"]
        papers = {}
    return {
        **papers,
        "selection_score": None if summary.best_trial is None else summary.selection_score,
        "over_floor": _over_floor(summary),
        f"floor_{validation_field(metric)}": summary.floor_score,
        # The best trial's; by the metric itself, the search's run has a curve.
        best_validation_field(besides): getattr(summary, best_validation_field(besides)),
        "confirmed_accuracy": _mean(summary.confirmed_accuracy),
        "confirmed_macro_f1": _mean(summary.confirmed_macro_f1),
        **tested,
    }


def best_so_far(ended: Sequence[FrozenTrial]) -> list[tuple[int, float, float]]:
    """Of trials that have ended: how many there were, the time, and the best complete score.

    There is no point before the first complete trial.
    """
    points, best = [], None
    for number, trial in enumerate(sorted(ended, key=_ended_at), 1):
        if trial.state == TrialState.COMPLETE:
            best = max(trial.value or 0.0, best or 0.0)
        if best is not None:
            points.append((number, _ended_at(trial)[0], best))
    return points


def _over_floor(summary: Summary) -> float | None:
    """The winner's mean on the report seeds minus the best floor, on test where both were tested.
    Without such runs, the score that chose the winner minus the floor's."""
    if summary.best_trial is None or summary.floor_score is None:
        return None
    _, lead = to_floor(summary, Evidence([summary]))
    return summary.selection_score - summary.floor_score if lead is None else lead.value


def _mean(scores: Sequence[float]) -> float | None:
    return fmean(scores) if scores else None


def _ended_at(trial: FrozenTrial) -> tuple[float, int]:
    assert trial.datetime_complete is not None
    return trial.datetime_complete.timestamp(), trial.number
