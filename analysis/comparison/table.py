"""The comparison as a table of text, for the terminal, Markdown and the report."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas

from analysis.comparison.conditions import notes
from analysis.comparison.floors import floor_rows, verdicts
from analysis.comparison.numbers import row
from analysis.comparison.rows import is_papers, label, ordered
from analysis.evidence import Evidence
from analysis.intervals import Interval
from analysis.metric import WORDS, Metric, other, qualifier
from analysis.page.markdown import bullets, markdown
from analysis.read.summary import Summary
from analysis.text import EMPTY_CELL

OTHER = "other metric"
"""The column of the metric that chose nothing, on the test split. It is named by it."""
COLUMNS = [
    "regime",
    "paper test",
    "trial 0 val",
    "best in search",
    "confirmed val",
    "test",
    "on new sentences",
    "over floor",
    OTHER,
    "difference to paper",
    "exceeds noise",
    "loss",
    "loss (paper's definition)",
]
PAPER_COLUMNS = [
    "paper test",
    "trial 0 val",
    "difference to paper",
    "exceeds noise",
    "loss (paper's definition)",
]
"""The columns that only a reader of the paper needs."""


def table(summaries: Sequence[Summary], evidence: Evidence | None = None) -> pandas.DataFrame:
    """A row of text per search, scores in percent; then a row per floor.

    `evidence` holds the runs that tell about the spread over seeds: by default those of these
    searches.

    Rows are in the order of the paper's Table 7, then others by name. Without a search on the
    paper's data and encoder, the paper's columns are left out. If several searches have one regime,
    the search's name follows the regime.
    """
    rows = ordered(summaries)
    beneath = floor_rows(rows)
    evidence = evidence or Evidence(rows)
    cells = [_cells(label(summary, rows), row(summary, evidence)) for summary in rows]
    cells += [_floor_cells(numbers) for numbers in beneath]
    frame = pandas.DataFrame(cells, columns=COLUMNS, dtype=object)
    if not is_papers(rows):
        frame = frame.drop(columns=PAPER_COLUMNS)
    if (frame[OTHER] == EMPTY_CELL).all():  # Earlier versions did not record it.
        frame = frame.drop(columns=OTHER)
    frame = frame if beneath else frame.drop(columns="over floor")
    metric: Metric = rows[0].metric if rows else "accuracy"
    test = f"test{qualifier(metric)}"
    return frame.rename(columns={"test": test, OTHER: WORDS[other(metric)]})


def note(summaries: Sequence[Summary], evidence: Evidence | None = None, results: str = "") -> str:
    """The table and the conditions it rests on, as Markdown.

    `results`: the `--results` flag of commands about the searches.
    """
    evidence = evidence or Evidence(summaries)
    sentences = verdicts(summaries) + notes(summaries, evidence, results)
    return f"{markdown(table(summaries, evidence))}\n{bullets(sentences)}"


def _cells(regime: str, numbers: Mapping[str, Any]) -> dict[str, str]:
    difference, exceeds = EMPTY_CELL, EMPTY_CELL
    if not math.isnan(numbers["difference"]):
        exceeds = "yes" if numbers["difference_exceeds"] else "no"
        difference = _in_points(numbers["difference"], numbers["difference_noise"])
    return {
        "regime": regime,
        "paper test": _percent(numbers["paper_test_accuracy"]),
        "trial 0 val": _percent(numbers["paper_config_validation_score"]),
        "best in search": _percent(numbers["best_validation_score"]),
        "confirmed val": _mean(numbers, "confirmed_score"),
        "test": _mean(numbers, "test_score"),
        "on new sentences": _half_width(numbers["test_score_half_width_new_sentences"]),
        "over floor": _over_floor(numbers),
        OTHER: _percent(numbers["test_other"]),
        "difference to paper": difference,
        "exceeds noise": exceeds,
        "loss": _formatted(numbers["test_loss"], ".3f"),
        "loss (paper's definition)": _formatted(numbers["test_loss_paper"], ".5f"),
    }


def _floor_cells(numbers: Mapping[str, Any]) -> dict[str, str]:
    """A floor's scores are of one run, so they have no interval."""
    return dict.fromkeys(COLUMNS, EMPTY_CELL) | {
        "regime": numbers["name"],
        "confirmed val": _percent(numbers["confirmed_score_mean"]),
        "test": _percent(numbers["test_score_mean"]),
        OTHER: _percent(numbers["test_other"]),
        "loss": _formatted(numbers["test_loss"], ".3f"),
        "loss (paper's definition)": _formatted(numbers["test_loss_paper"], ".5f"),
    }


def _over_floor(numbers: Mapping[str, Any]) -> str:
    """`+1.3 ± 0.4`, in percentage points."""
    if math.isnan(numbers["over_floor"]):
        return EMPTY_CELL
    return _in_points(numbers["over_floor"], numbers["over_floor_half_width"])


def _in_points(value: float, half_width: float) -> str:
    """`+1.3 ± 0.4`, in percentage points."""
    return f"{100 * value:+.1f} {_half_width(half_width)}"


def _half_width(half_width: float) -> str:
    return EMPTY_CELL if math.isnan(half_width) else f"± {100 * half_width:.1f}"


def _formatted(value: float, form: str) -> str:
    return EMPTY_CELL if math.isnan(value) else format(value, form)


def _percent(value: float) -> str:
    return _formatted(100 * value, ".1f")


def _mean(numbers: Mapping[str, Any], name: str) -> str:
    """`87.4 ± 1.2 (n=3, df=8)` from a mean, its half width, n and df."""
    if not numbers[f"{name}_n"]:
        return EMPTY_CELL
    n, freedom = int(numbers[f"{name}_n"]), int(numbers[f"{name}_df"])
    return str(Interval(numbers[f"{name}_mean"], numbers[f"{name}_half_width"], n, freedom))
