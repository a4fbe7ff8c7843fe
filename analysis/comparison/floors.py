"""Floors beside the searches: classifiers that take seconds, and whether a recipe beats them."""

import math
from collections.abc import Sequence
from typing import Any

from analysis.comparison.rows import label
from analysis.read.summary import Floor, Summary


def floor_rows(summaries: Sequence[Summary]) -> list[dict[str, Any]]:
    """The floors under the names of `analysis.comparison.numbers.row`, as far as they have them.

    Each is there once, since the searches of a command share theirs. Only searches that report know
    its test scores.
    """
    rows: dict[Any, dict[str, Any]] = {}
    for summary in summaries:
        for floor in summary.floors:
            key = (summary.data, summary.model, *_identity(floor))
            if key not in rows or floor.test_accuracy is not None:
                rows[key] = _row(floor, summary)
    return list(rows.values())


def _identity(floor: Floor) -> tuple[str, float]:
    return floor.regime, floor.validation_accuracy


def _row(floor: Floor, search: Summary) -> dict[str, Any]:
    return {
        "name": f"{floor.regime} (floor)",
        "regime": floor.regime,
        "data": search.data,
        "model": search.model,
        "confirmed_accuracy_mean": floor.validation_accuracy,
        "confirmed_accuracy_n": 1,
        "test_accuracy_mean": _number(floor.test_accuracy),
        "test_accuracy_n": int(floor.test_accuracy is not None),
        "test_macro_f1": _number(floor.test_macro_f1),
        "test_loss": _number(floor.test_loss),
        "test_loss_paper": _number(floor.test_loss_paper),
        "seconds": floor.seconds,
    }


def verdicts(summaries: Sequence[Summary]) -> list[str]:
    """A sentence for each data set and model on which no search beats its best floor."""
    groups: dict[Any, list[Summary]] = {}
    for summary in summaries:
        key = (summary.data, summary.model, *map(_identity, summary.floors))
        groups.setdefault(key, []).append(summary)
    return [
        _verdict(max(group, key=lambda summary: summary.selection_accuracy), summaries)
        for group in groups.values()
        if all(summary.floor_wins for summary in group)
    ]


def _verdict(best: Summary, summaries: Sequence[Summary]) -> str:
    floor = best.best_floor
    assert floor is not None
    return (
        f"No recipe beats the floor: {floor.name} has {100 * floor.validation_accuracy:.1f} % on"
        f" validation after {floor.seconds:.0f} s, the best search ({label(best, summaries)})"
        f" {100 * best.selection_accuracy:.1f} %. So best.yaml holds {floor.regime}."
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else value
