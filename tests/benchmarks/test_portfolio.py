"""The greedy portfolio, on scores whose best portfolio is known."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas
import pytest

import trainables
from tests.benchmarks import portfolio
from tests.benchmarks.replay import recording
from tests.benchmarks.replay.recording import Recording
from tests.benchmarks.test_replay import CONDITIONS, row

SCORES = pandas.DataFrame(
    {"a": [0.9, 0.2, 0.7, 0.1], "b": [0.1, 0.9, 0.7, 0.2], "c": [0.5, 0.5, 0.7, 0.9]},
    index=["for a", "for b", "for all", "for c"],
)


def test_the_first_is_good_on_average_and_others_complement_it() -> None:
    """Each of the others adds 0.2 on one data set; the first of equals is taken."""
    assert portfolio.greedy(SCORES, 4) == ["for all", "for a", "for b", "for c"]
    assert portfolio.greedy(SCORES[["a", "b"]], 3) == ["for all", "for a", "for b"]


def test_greedy_takes_the_best_next_configuration() -> None:
    scores = pandas.DataFrame(np.random.default_rng(0).random((12, 4))).rename(index=str)
    chosen = portfolio.greedy(scores, 5)
    for size in range(1, 6):
        means = {
            other: scores.loc[[*chosen[: size - 1], other]].max().mean() for other in scores.index
        }
        assert means[chosen[size - 1]] == max(means.values())


def test_the_data_set_that_is_left_out_chooses_nothing() -> None:
    """Without a, `for b` and `for c` are best; on a the better of them has 0.2."""
    table = portfolio.left_out(SCORES, 2, points=1)
    assert table.splitlines()[2].split("|")[1:-1][:3] == [" a ", " 20.0 ", " 90.0 "]


@pytest.mark.parametrize("size", [1, 3, 6])
def test_the_expected_best_is_the_mean_over_all_draws(size: int) -> None:
    values = [0.5, 0.1, 0.9, 0.5, 0.3, 0.7]
    draws = [max(draw) for draw in itertools.combinations(values, size)]
    assert portfolio.expected_best(values, size) == pytest.approx(sum(draws) / len(draws))


def test_the_program_prints_portfolio_and_test_of_each_regime(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three configurations on two data sets; the third failed on one, a fourth is on one only."""
    defaults = trainables.load("llrd_warmup").Config().to_dict()
    configs = [{**defaults, "batch_size": size} for size in (8, 16, 32, 64)]
    scores: dict[str, list[float | None]] = {"a": [0.5, 0.6, None, 0.9], "b": [0.5, 0.4, 0.8]}
    for data, values in scores.items():
        rows = [
            row(number, [0.1], config=config, score=score)
            for number, (config, score) in enumerate(zip(configs, values))
        ]
        recording.write(Recording(replace(CONDITIONS, data=data), rows), tmp_path)
    assert portfolio.main(["--folder", str(tmp_path), "--size", "2"]) == 0
    said = capsys.readouterr().out
    assert "## llrd_warmup: 3 configurations on 2 data sets" in said
    assert '50.0, 50.0 %: {"batch_size": 8}' in said and '0.0, 80.0 %: {"batch_size": 32}' in said
    assert portfolio.main(["--folder", str(tmp_path / "none")]) == 2
    assert "on 2 data sets; record some" in capsys.readouterr().err
