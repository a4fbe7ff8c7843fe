"""How much choosing the best of many trials flatters."""

import numpy as np
import pytest

from analysis.comparison.selection_bias import corrected_errors, flattery, selection_bias
from analysis.read.summary import Summary
from tests.analysis.searches import read_summary


def searches(*differences: float) -> list[Summary]:
    """Searches whose best score lies that far above the mean of the report runs."""
    return [
        read_summary(
            name=str(number),
            best_validation_accuracy=0.9 + difference,
            confirmed_accuracy=[0.89, 0.91],
        )
        for number, difference in enumerate(differences)
    ]


def test_it_is_measured_where_fresh_seeds_were_run() -> None:
    (one,) = searches(0.02)
    chose = read_summary(confirmed_runs_chose=True)
    none = read_summary(confirmed_accuracy=[], test=[])
    same = read_summary(test=[], confirmed_accuracy=[0.9] * 3)
    assert flattery([one, chose, none, same]) == pytest.approx([0.02])
    assert selection_bias([one, chose, none, same]) is None


def test_few_searches_have_a_mean_and_many_a_correction_by_the_others() -> None:
    stated = selection_bias(searches(0.01, 0.02, 0.03))
    # s = 0.01; t(0.975, 2) = 4.302653
    assert stated is not None and "Over 3 searches" in stated and "+2.0 ± 2.5 points" in stated
    assert "misses" not in stated
    many = selection_bias(searches(0.01, 0.02, 0.03, 0.01, 0.02))
    assert many is not None and "by 1.8 points on average" in many


def test_each_search_is_corrected_by_the_others_alone() -> None:
    differences = list(np.random.default_rng(0).random(6))
    expected = [
        abs(own - np.mean([*differences[:place], *differences[place + 1 :]]))
        for place, own in enumerate(differences)
    ]
    assert corrected_errors(differences) == pytest.approx(expected)
