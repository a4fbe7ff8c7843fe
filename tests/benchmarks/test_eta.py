"""The benchmark of the time left, on one small search from the recorded curves."""

from pathlib import Path

import pytest

from search.planning.time_left import TimeLeft
from search.reports import ENDED_AT
from search.seeds import report_counts
from search.study import records
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


def test_an_unfinished_search_is_left_out(tmp_path: Path) -> None:
    made, _ = grown(tmp_path)
    made.folder.joinpath("spec.json").write_text(made.to_json())
    assert from_journal(made.folder, 2) is None
    assert not Benchmark(parser().parse_args(["--journals", str(tmp_path)])).report()
