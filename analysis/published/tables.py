"""Published searches as tables of text: all of them, then a group's scores, goals, and distances
to the paper's best regime and to the paper."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import pandas

from analysis import paper
from analysis.comparison.floors import floor_rows
from analysis.comparison.numbers import row
from analysis.comparison.rows import best_first, label, ordered
from analysis.evidence import Difference, Evidence, ScoredSplit
from analysis.holm import holm
from analysis.intervals import Interval
from analysis.read.summary import Summary
from analysis.text import EMPTY_CELL, duration

BASELINE = "baseline"
"""The regime that the others are compared with: plain fine-tuning, as the paper has it."""
GOALS = {BASELINE: 5.0, "floor": 2.0}
"""What a search of few examples should gain over the best of `baseline` and over the best floor, in
points."""

MIN_COMPARED = 3
"""Searches of one group from which on a table compares each with the paper's best regime."""


def overview(summaries: Sequence[Summary], evidence: Evidence) -> pandas.DataFrame:
    """A row per search: the report runs, and what they gained on validation over its best floor."""
    cells = []
    for summary in summaries:
        validation, test = (evidence.mean(summary, split) for split in ("validation", "test"))
        gain = evidence.to_floor(summary, "validation")
        cells.append(
            {
                "data": summary.data,
                "regime": summary.regime,
                "n": str(validation.n),
                "validation": validation.short,
                "test": test.short if test.n else EMPTY_CELL,
                "validation, over the best floor": EMPTY_CELL if gain is None else str(gain),
            }
        )
    return pandas.DataFrame(cells, dtype=object)


def scores(summaries: Sequence[Summary], evidence: Evidence) -> pandas.DataFrame:
    """A row per search, then one per floor; scores in percent."""
    rows = ordered(summaries)
    cells = [_search(label(summary, rows), summary, evidence) for summary in rows]
    cells += [
        {
            "regime": numbers["name"],
            "report runs, validation": _percent(numbers["confirmed_score_mean"]),
            "test": _percent(numbers["test_score_mean"]),
            "time": duration(numbers["seconds"]),
        }
        for numbers in floor_rows(rows)
    ]
    columns = ["regime", "trial 0", "best trial", "choice", "report runs, validation", "test"]
    return pandas.DataFrame(cells, columns=[*columns, "time"], dtype=object).fillna(EMPTY_CELL)


def goals(summaries: Sequence[Summary], evidence: Evidence) -> pandas.DataFrame:
    """The best search but `baseline` minus the best of `baseline`, and minus the best floor.

    Each is chosen by the accuracy that chose its winner; the difference is that of the report runs
    on validation. A row is missing where there is nothing to compare with.
    """
    ranked = best_first(summaries)
    ours = next((summary for summary in ranked if summary.regime != BASELINE), None)
    plain = next((summary for summary in ranked if summary.regime == BASELINE), None)
    rows = []
    if ours is not None and plain is not None:
        difference = evidence.difference(ours, plain, "validation")
        rows.append(_goal(f"{ours.regime} - {BASELINE}", difference, GOALS[BASELINE]))
    if ours is not None and (floor := ours.best_floor) is not None:
        over = evidence.to_floor(ours, "validation")
        assert over is not None  # published searches have report runs
        rows.append(_goal(f"{ours.regime} - {floor.regime} (floor)", over, GOALS["floor"]))
    columns = ["difference", "points", "on new sentences", "goal", "reached"]
    return pandas.DataFrame(rows, columns=columns, dtype=object)


def to_papers_best(summaries: Sequence[Summary], evidence: Evidence) -> pandas.DataFrame:
    """A row per search: its report runs minus those of the regime that is the paper's best.

    The highest on validation is first. p is corrected for the number of rows by Holm's method.
    Empty with fewer than `MIN_COMPARED` searches that were tested.
    """
    tested = [summary for summary in summaries if summary.test]
    best = next((each for each in tested if each.regime == paper.BEST.regime), None)
    others = [summary for summary in tested if summary is not best]
    if best is None or len(tested) < MIN_COMPARED:
        return pandas.DataFrame()
    minus = f"minus {label(best, summaries)}"
    columns: dict[str, list[Any]] = {minus: [label(own, summaries) for own in others]}
    heads: dict[ScoredSplit, str] = {"validation": "", "test": "test, "}
    for split, head in heads.items():
        leads = [evidence.difference(own, best, split, len(others)) for own in others]
        columns |= {
            split: [str(lead) for lead in leads],
            f"{head}new sentences": [_on_new_sentences(lead) for lead in leads],
            f"{head}p": [_p_value(p) for p in holm([lead.p_value for lead in leads])],
        }
    scores = [fmean(summary.confirmed_scores) for summary in others]
    highest_first = sorted(range(len(others)), key=lambda place: -scores[place])
    return pandas.DataFrame(columns, dtype=object).iloc[highest_first]


def to_paper(summaries: Sequence[Summary], evidence: Evidence) -> pandas.DataFrame:
    """A row per search on the paper's data: test accuracies and their difference, for a regime that
    the paper lacks to its best row.

    The encoder may be another one than the paper's. p is corrected for the number of rows by Holm's
    method.
    """
    rows = ordered(summaries)
    cells, p_values = [], list[float]()
    for summary in rows:
        if not summary.comparable:
            continue
        own = paper.row(summary.regime)
        published = own or paper.BEST
        of_best = "" if own else f" by {paper.BEST.regime}"
        difference = evidence.to_published(summary, published.test_accuracy)
        if difference is None:
            continue
        p_values.append(difference.p_value)
        cells.append(
            {
                "regime": label(summary, rows),
                "test": _mean(evidence.mean(summary, "test")),
                f"paper ({paper.ENCODER})": f"{_percent(published.test_accuracy)}{of_best}",
                "difference": str(difference),
                "on new sentences": _on_new_sentences(difference),
            }
        )
    table = pandas.DataFrame(cells, dtype=object)
    return table.assign(p=[_p_value(p) for p in holm(p_values)]) if cells else table


def _search(name: str, summary: Summary, evidence: Evidence) -> dict[str, str]:
    numbers, validation = row(summary, evidence), evidence.mean(summary, "validation")
    tested = evidence.mean(summary, "test")
    alike = (tested.n, tested.freedom) == (validation.n, validation.freedom)
    runs = 1 + len(summary.choice_run_scores.get(str(summary.winner_trial), ()))
    choice = summary.choice_score
    return {
        "regime": name,
        "trial 0": _percent(numbers["paper_config_validation_score"]),
        "best trial": _percent(numbers["best_validation_score"]),
        "choice": EMPTY_CELL if choice is None else f"{_percent(choice)} (n={runs})",
        "report runs, validation": _mean(validation),
        "test": tested.short if alike else _mean(tested),
        "time": duration(summary.seconds),
    }


def _goal(name: str, difference: Difference, goal: float) -> dict[str, str]:
    points = 100 * difference.value
    reached = "yes" if points >= goal else "no"
    certain = abs(points - goal) > 100 * difference.new_sentences
    return {
        "difference": name,
        "points": str(difference),
        "on new sentences": _on_new_sentences(difference),
        "goal": f"{goal:+.0f}",
        "reached": reached if certain else f"{reached}, not certain",
    }


def _p_value(p: float) -> str:
    return "under 0.001" if p < 0.001 else f"{p:.3f}"


def _on_new_sentences(difference: Difference) -> str:
    half_width = f"± {100 * difference.new_sentences:.1f}"
    return half_width if difference.paired else f"up to {half_width}"


def _mean(mean: Interval) -> str:
    return str(mean) if mean.n else EMPTY_CELL


def _percent(value: float) -> str:
    return EMPTY_CELL if value != value else f"{100 * value:.1f}"
