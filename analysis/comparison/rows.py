"""Searches as rows of a table: their order, their labels, and groups of equal ones."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from analysis import paper
from analysis.read.summary import Summary


def ordered(summaries: Sequence[Summary]) -> list[Summary]:
    """In the order of the paper's Table 7, then other regimes by name; equal regimes by search."""

    def sort_key(summary: Summary) -> tuple[float, str, str]:
        row = paper.row(summary.regime)
        return (row.index if row else math.inf, summary.regime, summary.name)

    return sorted(summaries, key=sort_key)


def label(summary: Summary, summaries: Sequence[Summary]) -> str:
    """The regime, followed by the search's name if several of `summaries` have that regime."""
    unique = sum(other.regime == summary.regime for other in summaries) < 2
    return summary.regime if unique else f"{summary.regime} ({summary.name})"


def is_papers(summaries: Sequence[Summary]) -> bool:
    """Whether any search has the paper's data and encoder, so that its numbers say something."""
    return any(summary.comparable and bool(summary.encoder_is_papers) for summary in summaries)


def grouped(summaries: Sequence[Summary], key: Callable[[Summary], Any]) -> list[tuple[Any, str]]:
    """Pairs of a value and the labels of the searches that have it, in order of appearance.

    The labels are "all" if several searches have the value and no search has another. Searches for
    which `key` is None are left out.
    """
    groups: dict[Any, list[str]] = {}
    for summary in summaries:
        if (value := key(summary)) is not None:
            groups.setdefault(value, []).append(label(summary, summaries))
    everyone = len(summaries) if len(summaries) > 1 else 0
    return [
        (value, "all" if len(labels) == everyone else ", ".join(labels))
        for value, labels in groups.items()
    ]


def best_first(summaries: Sequence[Summary]) -> list[Summary]:
    """The searches with a result, the winner first: by the score that chose, never by a
    reported one."""
    with_trials = [summary for summary in summaries if summary.best_trial is not None]
    return sorted(with_trials, key=lambda summary: -summary.selection_score)
