"""How much choosing the best of many trials flatters: the winner's curse, measured."""

from collections.abc import Sequence

import numpy as np

from analysis.intervals import Interval, mean_interval
from analysis.read.summary import Summary

MIN_SEARCHES_TO_CORRECT = 5
"""Searches from which on each one's best score is also corrected by the others'."""
MIN_SEARCHES_TO_AVERAGE = 3
"""Searches from which on there is a mean. For two, Student's t is 12.7, which says nothing."""


def flattery(summaries: Sequence[Summary]) -> list[float]:
    """The best score in the search minus the mean of the report runs, for each search with
    both, as fractions."""
    return [
        summary.best_score - float(np.mean(summary.confirmed_scores))
        for summary in summaries
        if summary.best_score is not None
        and summary.confirmed_scores
        and not summary.selected_on_reported_runs
        and not summary.same_on_every_seed
    ]


def corrected_errors(differences: Sequence[float]) -> list[float]:
    """How far each search's best score, less the mean flattery of the others, misses its report
    mean."""
    total, others = sum(differences), len(differences) - 1
    return [abs(own - (total - own) / others) for own in differences]


def selection_bias(summaries: Sequence[Summary]) -> str | None:
    """A sentence or two; None for fewer than `MIN_SEARCHES_TO_AVERAGE` searches."""
    differences = flattery(summaries)
    if len(differences) < MIN_SEARCHES_TO_AVERAGE:
        return None
    mean = mean_interval(differences)
    sentence = (
        f"Over {len(differences)} searches, the best score in the search minus the mean of the"
        f" winner's report runs is {_in_points(mean)} points (Student's t over searches)."
    )
    if len(differences) < MIN_SEARCHES_TO_CORRECT:
        return sentence
    before, after = (
        100 * float(np.mean(errors))
        for errors in (np.abs(differences), corrected_errors(differences))
    )
    return (
        f"{sentence} The best score misses that mean by {before:.1f} points on average; corrected"
        f" by the average difference of the other searches, by {after:.1f}."
    )


def _in_points(mean: Interval) -> str:
    assert mean.half_width is not None
    return f"{100 * mean.mean:+.1f} ± {100 * mean.half_width:.1f}"
