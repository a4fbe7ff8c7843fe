"""Floors beside the searches: classifiers that take seconds, and whether a recipe beats them."""

import math
from collections.abc import Sequence
from typing import Any

from analysis.comparison.rows import label
from analysis.evidence import Evidence, Split
from analysis.metric import other, percent_of
from analysis.read.contents import Contents
from analysis.read.summary import Floor, Summary


def floor_rows(summaries: Sequence[Summary]) -> list[dict[str, Any]]:
    """The floors under the names of `analysis.comparison.numbers.row`, as far as they have them.

    The highest score is first. Each is there once, since the searches of a command share theirs.
    Only searches that report know its test scores.
    """
    rows: dict[Any, dict[str, Any]] = {}
    contents = Contents(summaries)
    for summary in summaries:
        for floor in summary.floors:
            key = (contents.of(summary), *_identity(floor, summary))
            if key not in rows or floor.test_score(summary.metric) is not None:
                rows[key] = _row(floor, summary)
    return sorted(rows.values(), key=lambda row: -row["confirmed_score_mean"])


def _identity(floor: Floor, search: Summary) -> tuple[str, float]:
    return floor.regime, floor.validation_score(search.metric)


def _row(floor: Floor, search: Summary) -> dict[str, Any]:
    test = floor.test_score(search.metric)
    return {
        "name": f"{floor.regime} (floor)",
        "regime": floor.regime,
        "data": search.data,
        "model": search.model,
        "confirmed_score_mean": floor.validation_score(search.metric),
        "confirmed_score_n": 1,
        "test_score_mean": _number(test),
        "test_score_n": int(test is not None),
        "test_other": _number(floor.test_score(other(search.metric))),
        "test_loss": _number(floor.test_loss),
        "test_loss_paper": _number(floor.test_loss_paper),
        "seconds": floor.seconds,
    }


def verdicts(summaries: Sequence[Summary]) -> list[str]:
    """A sentence for each data set and model on which no search beats its best floor."""
    groups: dict[Any, list[Summary]] = {}
    contents = Contents(summaries)
    for summary in summaries:
        key = (contents.of(summary), *(_identity(each, summary) for each in summary.floors))
        groups.setdefault(key, []).append(summary)
    return [
        _verdict(max(group, key=lambda summary: summary.selection_score), summaries)
        for group in groups.values()
        if all(summary.floor_wins for summary in group)
    ]


def _verdict(best: Summary, summaries: Sequence[Summary]) -> str:
    floor, score = best.best_floor, best.floor_score
    assert floor is not None and score is not None
    return (
        f"No recipe beats the floor: {floor.name} has {percent_of(score, best.metric)} on"
        f" validation after {floor.seconds:.0f} s, the best search ({label(best, summaries)})"
        f" {100 * best.selection_score:.1f} %. So best.yaml holds {floor.regime}."
    )


def floor_split(summary: Summary, evidence: Evidence) -> Split:
    """Where the winner and its best floor are compared: on test, which chose neither, if both were
    tested."""
    return "test" if evidence.to_floor(summary, "test") is not None else "validation"


def as_good_on_test(summary: Summary, evidence: Evidence) -> list[str]:
    """In a phrase, that the best floor on validation is no worse than the winner on test.

    Nothing where it is, or where that is not known.
    """
    floor, found = summary.best_floor, evidence.to_floor(summary, "test")
    if floor is None or found is None or found.value > 0:
        return []
    score = floor.test_score(summary.metric)
    assert score is not None
    winner = 100 * (score + found.value)
    return [
        f"on test the floor {floor.regime} is at least as good,"
        f" {percent_of(score, summary.metric)} against {winner:.1f} %"
    ]


def _number(value: float | None) -> float:
    return math.nan if value is None else value
