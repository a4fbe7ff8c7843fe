"""Ours beside theirs: one row a search, held against Table 7 where the data allow it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas

from analysis import paper
from analysis.comparison.conditions import notes
from analysis.intervals import Difference, Interval, difference, mean_interval
from analysis.page.markdown import listed, markdown
from analysis.read.summary import Summary, label, ordered

__all__ = ["markdown", "note", "notes", "numbers", "table"]

NOTHING = "\N{EN DASH}"
"""A cell without a number."""
COLUMNS = {
    "regime": "regime",
    "paper": "paper test",
    "trial_0": "trial 0 val",
    "best": "best in search",
    "confirmed_accuracy": "confirmed val",
    "test": "test",
    "difference": "difference to paper",
    "exceeds": "exceeds noise",
    "loss": "loss",
    "paper_loss": "loss (paper's definition)",
}
PAPERS = ("paper", "difference", "exceeds")
"""The columns that only a comparable search fills."""


def table(summaries: Sequence[Summary]) -> pandas.DataFrame:
    """The comparison as text, accuracies in percent; rows as in Table 7, then others by name.

    Where no search can be held against the paper, its columns are left out; where some can, the
    others' cells are empty. A regime that several searches have is followed by the search's name.
    """
    rows = ordered(summaries)
    cells = [_cells(label(summary, rows), _numbers(summary)) for summary in rows]
    frame = pandas.DataFrame(cells, columns=list(COLUMNS), dtype=object)
    if not any(summary["comparable"] for summary in rows):
        frame = frame.drop(columns=list(PAPERS))
    return frame.rename(columns=COLUMNS)


def note(summaries: Sequence[Summary]) -> str:
    """The table and what it rests on, as Markdown."""
    return f"{markdown(table(summaries))}\n{listed(notes(summaries))}"


def numbers(summaries: Sequence[Summary]) -> pandas.DataFrame:
    """One row a search, one column a number: fractions, nats, seconds, counts; missing ones are
    NaN. In the table's order."""
    return pandas.DataFrame([_numbers(summary) for summary in ordered(summaries)])


def _numbers(summary: Summary) -> dict[str, Any]:
    runs = summary["test"]
    confirmed, test = (
        _interval(summary["confirmed_accuracy"]),
        _interval([run["test_accuracy"] for run in runs]),
    )
    published = paper.row(summary["regime"]) if summary["comparable"] else None
    gap = _difference(summary, published)
    contrastive = summary["last_contrastive_loss"] or {}
    return {
        **{key: summary[key] for key in ("name", "regime", "data", "model", "comparable")},
        "paper_test_accuracy": published.test_accuracy if published else math.nan,
        "paper_test_loss": published.test_loss if published else math.nan,
        "paper_config_validation_accuracy": _float(summary["paper_config_validation_accuracy"]),
        "best_validation_accuracy": _float(summary["best_validation_accuracy"]),
        "confirmed_accuracy_mean": confirmed.mean,
        "confirmed_accuracy_half_width": _float(confirmed.half_width),
        "confirmed_accuracy_n": confirmed.n,
        "test_accuracy_mean": test.mean,
        "test_accuracy_half_width": _float(test.half_width),
        "test_accuracy_n": test.n,
        "difference": gap.value if gap else math.nan,
        "difference_noise": gap.noise if gap else math.nan,
        "difference_exceeds": gap.exceeds if gap else None,
        "test_loss": _mean(run["test_loss"] for run in runs),
        "test_loss_paper": _mean(run["test_loss_paper"] for run in runs),
        "batch_size": _float(summary["batch_size"]),
        "last_contrastive_loss_sum": _float(contrastive.get("sum")),
        "last_contrastive_loss_mean": _float(contrastive.get("mean")),
        **{state: summary["states"].get(state, 0) for state in ("COMPLETE", "PRUNED", "FAIL")},
        "seconds": _float(summary["seconds"]),
    }


def _cells(regime: str, found: Mapping[str, Any]) -> dict[str, str]:
    """A search's numbers as a row of text."""
    gap = Difference(
        found["difference"],
        found["difference_noise"],
        bool(found["difference_exceeds"]),
        found["test_accuracy_n"],
    )
    known = not math.isnan(gap.value)
    return {
        "regime": regime,
        "paper": _percent(found["paper_test_accuracy"]),
        "trial_0": _percent(found["paper_config_validation_accuracy"]),
        "best": _percent(found["best_validation_accuracy"]),
        "confirmed_accuracy": _spread(found, "confirmed_accuracy"),
        "test": _spread(found, "test_accuracy"),
        "difference": str(gap) if known else NOTHING,
        "exceeds": ("yes" if gap.exceeds else "no") if known else NOTHING,
        "loss": _text(found["test_loss"], ".3f"),
        "paper_loss": _text(found["test_loss_paper"], ".5f"),
    }


def _difference(summary: Summary, published: paper.Row | None) -> Difference | None:
    if published is None or not summary["test"]:
        return None
    accuracies = [run["test_accuracy"] for run in summary["test"]]
    return difference(
        accuracies, published.test_accuracy, summary["test_size"] or paper.SIZES["test"]
    )


def _interval(values: Sequence[float]) -> Interval:
    return mean_interval(values) if values else Interval(math.nan, None, 0)


def _float(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found) if found else math.nan


def _text(value: float, form: str) -> str:
    return NOTHING if math.isnan(value) else format(value, form)


def _percent(value: float) -> str:
    return _text(100 * value, ".1f")


def _spread(found: Mapping[str, Any], name: str) -> str:
    """`87.4 ± 1.2 (n=3)` of a mean, its half width and n."""
    half_width = found[f"{name}_half_width"]
    interval = Interval(
        found[f"{name}_mean"], None if math.isnan(half_width) else half_width, found[f"{name}_n"]
    )
    return str(interval) if interval.n else NOTHING
