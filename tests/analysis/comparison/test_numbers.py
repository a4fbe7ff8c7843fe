"""The comparison as numbers."""

import pytest

from analysis.comparison.numbers import numbers
from tests.analysis.searches import (
    read_summary,
)


def test_numbers_are_the_raw_ones() -> None:
    (row,) = numbers(
        [read_summary("supcon", last_contrastive_loss={"sum": 180.0, "mean": 1.0})]
    ).to_dict("records")
    assert (
        row["difference"] == pytest.approx(0.89 - 0.8739072) and row["difference_exceeds"] is False
    )
    assert (row["test_loss"], row["test_loss_paper"]) == (pytest.approx(0.6), pytest.approx(0.04))
    assert (row["test_score_n"], row["last_contrastive_loss_sum"], row["PRUNED"]) == (
        2,
        180.0,
        1,
    )
