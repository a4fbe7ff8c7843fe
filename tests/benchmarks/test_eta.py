"""The benchmark of the time left, on one small search from the recorded curves."""

from pathlib import Path
from statistics import fmean

import pytest

from search.planning.time_left import TimeLeft
from search.seeds import report_counts
from search.study import records
from search.study.patience import MIN_PATIENCE_TRIALS, Patience
from search.worker_reports import ENDED_AT
from tests.benchmarks.eta import POINTS, Benchmark, Search, Simulated, from_journal, judge, parser
from tests.benchmarks.replay import recording
from tests.search.terminal.test_progress import grown


@pytest.fixture(scope="module")
def searched() -> Search:
    return Simulated(recording.read()[0], trials=6, slots=2, seed=0).run()


def test_a_replayed_search_shows_nothing_of_its_future(searched: Search) -> None:
    assert len(searched.trials) == 6 and len(searched.report) in report_counts(None)
    now = searched.began + (searched.ended - searched.began) / 3
    shown = searched.as_of(now)
    assert 0 < len(shown) <= 6
    ends = [epoch[ENDED_AT] for trial in shown for epoch in records.epochs(trial)]
    assert ends and max(ends) <= now
    running = [trial for trial in shown if not trial.state.is_finished()]
    assert len(running) == 2 and all(trial.value is None for trial in running)


def test_it_is_asked_at_every_point_until_its_last_run(searched: Search) -> None:
    asked, counted = judge(searched)
    assert [each.at for each in asked] == list(POINTS) and all(each.known for each in asked)
    assert 0 <= counted.up < 0.5
    last = searched.left(TimeLeft(searched.spec, 2, end=0.0), searched.ended - 1)
    assert last is not None and last.middle < 0.05 * (searched.ended - searched.began)


def test_patience_ends_a_search_early() -> None:
    recorded = recording.read()[0]
    kinds: tuple[Patience, ...] = (None, "auto")
    every, some = (
        len(Simulated(recorded, trials=50, slots=2, seed=0, patience=patience).run().trials)
        for patience in kinds
    )
    assert every == 50 and MIN_PATIENCE_TRIALS <= some < 50


@pytest.mark.soak
@pytest.mark.parametrize("patience", ["none", "auto"])
def test_the_truth_is_within_the_range_in_four_of_five_searches(patience: str) -> None:
    """At a quarter of each: the range is made to hold so many."""
    benchmark = Benchmark(parser().parse_args(["--repeats", "2", "--patience", patience]))
    benchmark.run()
    inside = [each.inside for each in benchmark.asked if each.at == "1/4"]
    assert len(inside) >= 60 and fmean(inside) >= 0.8


def test_an_unfinished_search_is_left_out(tmp_path: Path) -> None:
    made, _ = grown(tmp_path)
    made.folder.joinpath("spec.json").write_text(made.to_json())
    assert from_journal(made.folder, 2) is None
    assert not Benchmark(parser().parse_args(["--journals", str(tmp_path)])).report()
