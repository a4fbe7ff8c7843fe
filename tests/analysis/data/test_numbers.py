"""Problems of the data, counted by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas
import pytest

from analysis.data.numbers import (
    all_predictions,
    missed_by_all,
    unseparated,
    without_leaks,
)
from analysis.read.folder import Search, read_search
from analysis.read.problems import leaked_rows
from tests.analysis.searches import predictions, reported_bits, summary, write_search


@pytest.fixture
def search(tmp_path: Path) -> Search:
    return read_search(write_search(tmp_path / "one", outcome=summary()))


ANSWERS = (("a", "b", 0.9), ("a", "a", 0.8), ("b", "a", 0.7), ("b", "b", 0.9))


def with_runs(search: Search, *runs: tuple[tuple[str, str, float], ...]) -> Search:
    frames = [predictions(*run, seed=seed) for seed, run in enumerate(runs)]
    return replace(search, predictions=pandas.concat(frames, ignore_index=True))


def test_what_remains_in_every_run(search: Search) -> None:
    other = (("a", "b", 0.5), ("a", "a", 0.8), ("b", "b", 0.7), ("b", "b", 0.9))
    both = all_predictions([with_runs(search, ANSWERS), with_runs(search, other)])
    assert both["run"].nunique() == 2 and both.attrs["searches"] == 2
    pairs = unseparated(both)
    assert pairs[["label", "predicted", "least", "sentences"]].values.tolist() == [["a", "b", 1, 2]]
    missed = missed_by_all(both)
    assert missed[["row", "label", "predicted", "runs"]].values.tolist() == [[0, "a", "b", 2]]
    assert missed["confidence"].iloc[0] == pytest.approx(0.7)


def test_one_run_blames_no_sentence_and_other_data_is_left_out(search: Search) -> None:
    one = all_predictions([with_runs(search, ANSWERS)])
    assert unseparated(one).empty and missed_by_all(one).empty
    elsewhere = with_runs(search, (("z", "b", 0.9),))
    assert all_predictions([with_runs(search, ANSWERS), elsewhere])["run"].nunique() == 1
    assert all_predictions([search]).empty


def test_accuracy_without_the_leaked_rows(search: Search) -> None:
    problems = pandas.DataFrame(
        {"problem": ["leak", "leak", "doubt"], "split": ["test"] * 3, "row": [0.0, 2.0, 1.0]}
    )
    bits = np.array([[True, False, True, True], [True, True, True, False]])
    leaky = replace(search, problems=problems, correct=reported_bits(test=bits))
    assert leaked_rows(problems, "test") == [0, 2] and leaked_rows(problems, "validation") == []
    (score,) = without_leaks(leaky)
    assert (score.split, score.leaked, score.sentences) == ("test", 2, 4)
    assert (score.accuracy, score.without, score.on_leaked) == (0.75, 0.5, 1.0)
    assert without_leaks(replace(leaky, problems=None)) == []
