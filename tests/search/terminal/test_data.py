"""What is said about the data before a search."""

import io

import numpy as np
import pytest
from rich.console import Console

from search.terminal import data
from trainables.parts.data.corpus import Corpus, Split


def test_imbalanced_classes_produce_a_warning() -> None:
    labels = ["often", "seldom", "never"]
    assert data.imbalance(labels, np.array([100, 10, 0])) == []
    (line,) = data.imbalance(labels, np.array([101, 10, 0]))
    assert (
        "'often' (101 training rows)" in line
        and "'seldom' (10 training rows)" in line
        and "over 10 times" in line
    )


@pytest.mark.parametrize(
    ("rows", "folds", "labels", "said"),
    [(249, None, 1, True), (250, None, 1, False), (249, 5, 1, False), (249, None, 400, False)],
)
def test_a_small_validation_split_names_the_remedy(
    rows: int, folds: int | None, labels: int, said: bool
) -> None:
    """Where a label has a row for each fold."""
    train, small = (Split(("x",) * n, tuple(i % labels for i in range(n))) for n in (1000, rows))
    corpus = Corpus("x", train, small, None, tuple(map(str, range(labels))), (), folds)
    notes = data.small_validation(corpus)
    assert bool(notes) == said
    # 1.96 standard errors of 90 %.
    assert all("by 4 points; --folds 5" in note for note in notes)


@pytest.mark.parametrize(
    ("rows", "regimes", "said"),
    [
        ([10, 10, 200], ["baseline"], True),
        ([11, 11, 3], ["baseline"], False),
        ([5, 5, 5], ["baseline", "proto"], False),
    ],
)
def test_few_rows_of_most_labels_name_their_regime(
    rows: list[int], regimes: list[str], said: bool
) -> None:
    labels = tuple(np.repeat([0, 1, 2], rows).tolist())
    split = Split(("x",) * len(labels), labels)
    out = io.StringIO()
    corpus = Corpus("x", split, split, None, ("a", "b", "c"), ())
    data.print_advice(Console(file=out, width=200), corpus, regimes)
    assert ("(median 10): --regime proto" in out.getvalue()) == said
