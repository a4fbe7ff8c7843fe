"""Floors beside the searches: classifiers that take seconds, and whether a recipe beats them."""

import math
from collections.abc import Sequence
from typing import Any

from analysis.comparison.rows import label
from analysis.evidence import ROUNDING, Difference, Evidence, ScoredSplit
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
    reached = f"{percent_of(score, best.metric)} on validation after {floor.seconds:.0f} s"
    if best.best_trial is None:
        return f"Until a trial completes, best.yaml holds the best floor: {floor.name}, {reached}."
    return (
        f"No recipe beats the floor: {floor.name} has {reached}, the best search"
        f" ({label(best, summaries)}) has {100 * best.selection_score:.1f} %. So best.yaml holds"
        f" {floor.regime}."
    )


def to_floor(summary: Summary, evidence: Evidence) -> tuple[ScoredSplit, Difference | None]:
    """The winner's lead over its best floor, and where it was measured: on test, which chose
    neither, if both were tested."""
    on_test = evidence.to_floor(summary, "test")
    if on_test is not None:
        return "test", on_test
    return "validation", evidence.to_floor(summary, "validation")


def no_better(summary: Summary, evidence: Evidence) -> str | None:
    """In a phrase, that on fresh seeds the winner is no better than the floor that it beat when it
    was chosen; None where it is."""
    floor, (split, lead) = summary.best_floor, to_floor(summary, evidence)
    if floor is None or lead is None or summary.floor_wins or lead.value > ROUNDING:
        return None
    points = f"{-lead}".removeprefix("+")
    below = lead.value < -ROUNDING
    difference = f"{points} points below" if below else "no better than"
    chance = ", which may be chance" if below and not lead.exceeds else ""
    return (
        f"{difference} the floor {floor.name} on {split}{chance};"
        f" --floor {floor.regime} exports the floor"
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else value
