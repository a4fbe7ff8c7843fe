"""The choice and report runs, as the searcher hands them out and as they are recorded."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from ray.tune.search import Searcher

from search.cluster.capacity import Capacity
from search.cluster.resources import Resources
from search.inputs import Prepared
from search.spec import SearchSpec
from search.study import records
from search.study import study as studies
from search.study.study import ranking
from search.trials import worker
from search.trials.choice_and_report import ChoiceAndReport, Round, Run
from search.trials.ending import Ending
from search.trials.faults import MAX_NODE_LOSSES, Fault
from search.trials.run_ledger import RunLedger
from search.trials.searcher import StudySearcher
from search.worker_reports import RUN_FAILED, RUN_FINISHED
from tests.search.trials.test_resumed_decisions import report, resumed, spec

TEST_INPUTS: Any = "what a test needs"
KEYS = (
    records.CHOICE_RUNS,
    records.CHOICE_FAILURES,
    records.REPORT_RUNS,
    records.REPORT_FAILURES,
    records.TEST_SCORES,
)


class Shown:
    """What a user would see."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def begin(self, round: Round) -> None:
        self.lines.append(round.what)

    def started(self, run: Run) -> None: ...

    def epoch_ended(self, run: Run, epoch: records.Record) -> None: ...

    def queued(self, run: Run) -> None: ...

    def ended(self, run: Run, result: str) -> None:
        self.lines.append(f"{run.trial}, {run.seed}: {result}")


class Search:
    """A search of four trials and its runs, as Ray Tune would drive it on two slots."""

    def __init__(self, made: SearchSpec, prepared: Prepared) -> None:
        self.ledger, self.shown = resumed(made), Shown()
        self.plan = ChoiceAndReport(made, self.ledger.study, prepared)
        self.tests_asked = 0
        self.runs = RunLedger(self.plan, self._test_inputs, self.shown)
        capacity = Capacity(Resources(cpus=1, gpus=0, slots=2))
        self.searcher = StudySearcher(self.ledger, capacity, self.runs)
        self.ids = map(str, itertools.count())
        self.asked: list[dict[str, Any]] = []

    def _test_inputs(self) -> Any:
        self.tests_asked += 1
        return TEST_INPUTS

    def ask(self) -> tuple[str, Any]:
        ray_id = next(self.ids)
        answer = self.searcher.suggest(ray_id)
        if isinstance(answer, dict):
            self.asked.append(answer)
        return ray_id, answer

    def train(self, ray_id: str, params: dict[str, Any]) -> None:
        """Report epochs and the end of a trial or run."""
        owner, number = self.searcher.in_flight(ray_id), params["trial"]
        assert owner is not None
        other = number + 100 * params["seed"]
        for epoch in range(1, 4):
            assert owner.report(ray_id, {**report(other, epoch), "done": False})
        owner.report(ray_id, {RUN_FINISHED: self.predictions(params)})
        self.searcher.ended(ray_id)

    def predictions(self, params: dict[str, Any]) -> worker.ValidationPredictions | None:
        if "test_inputs" not in params:
            return None
        right = np.array(self.plan.prepared.corpus.validation.labels) == 0
        count = len(right)
        scores = {"test_accuracy": 0.5, "test_loss": 1.0 + params["seed"]}
        tested = worker.Tested(scores, np.array([True, False]))
        return worker.ValidationPredictions(
            [0] * count, [0.5] * count, right, tested if params["test_inputs"] else None
        )

    def steps(self) -> Iterator[dict[str, Any]]:
        """Run one after the other to the end; what each was asked for with, before it trains."""
        while True:
            ray_id, params = self.ask()
            if params == Searcher.FINISHED:
                return
            yield params
            self.train(ray_id, params)


def recorded(study: optuna.Study) -> list[Any]:
    return [records.WINNER.read(study), *(key.read(study) for key in KEYS)]


def made(folder: Path, **values: Any) -> SearchSpec:
    given = {
        "trials": 4,
        "epochs": 3,
        "confirm_top": 3,
        "report_seeds": 3,
        "scheduler": "none",
        "sampler": "random",
        **values,
    }
    return spec(folder, **given)


@pytest.fixture(scope="module")
def whole(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Search:
    """A search that nothing has interrupted."""
    search = Search(made(tmp_path_factory.mktemp("whole"), confirm_seeds=2), prepared)
    list(search.steps())
    return search


def test_runs_follow_the_trials_and_only_report_runs_get_the_test_split(whole: Search) -> None:
    trials, choice, reports = whole.asked[:4], whole.asked[4:10], whole.asked[10:]
    plain = {"trial", "config", "seed", "job"}
    assert [set(params) - plain for params in trials] == [{"test_inputs"}, *[set()] * 3]
    assert trials[0]["test_inputs"] is None
    right = records.correct("validation", 0, 0).read(whole.ledger.study)
    assert right == records.bits(np.array(whole.plan.prepared.corpus.validation.labels) == 0)
    assert {params["seed"] for params in trials} == {0}
    assert [params["test_inputs"] for params in choice] == [None] * 6
    assert {params["seed"] for params in choice} == {1, 2}
    winner = records.WINNER.read(whole.ledger.study)
    assert [(params["trial"], params["seed"]) for params in reports] == [
        (winner, seed) for seed in (1000, 1001, 1002)
    ]
    assert (
        all(params["test_inputs"] is TEST_INPUTS for params in reports) and whole.tests_asked == 3
    )
    assert set(records.TEST_SCORES.of(whole.ledger.study, winner)) == {1000, 1001, 1002}
    assert whole.searcher.ending == Ending.DONE and whole.searcher.is_over


def test_no_run_starts_while_a_trial_runs(prepared: Prepared, tmp_path: Path) -> None:
    search = Search(made(tmp_path, trials=1), prepared)
    trial, params = search.ask()
    assert search.ask()[1] is None and search.searcher.ending is None
    search.train(trial, params)
    assert search.ask()[1]["seed"] == 1000  # Nothing is to be chosen from one trial.
    assert search.ask()[1]["seed"] == 1001
    assert search.ask()[1] is None  # There are two slots.


def test_a_search_that_is_killed_again_and_again_records_the_same(
    whole: Search, prepared: Prepared, tmp_path: Path
) -> None:
    """After each run another process goes on; a run that was under way is asked for again."""
    goal = made(tmp_path, confirm_seeds=2)
    asked: list[tuple[int, int]] = []
    while True:
        search = Search(goal, prepared)
        for place, params in enumerate(search.steps()):
            if place == 1:
                break
            asked.append((params["trial"], params["seed"]))
        else:
            break
    assert recorded(search.ledger.study) == recorded(whole.ledger.study)
    assert asked == [(params["trial"], params["seed"]) for params in whole.asked]


def test_a_race_goes_on_where_it_stopped(prepared: Prepared, tmp_path: Path) -> None:
    """Rounds depend on the records alone."""
    finished = []
    for most in (1, 10**6):
        (tmp_path / str(most)).mkdir()
        goal = made(tmp_path / str(most))
        while True:
            search = Search(goal, prepared)
            if len(list(itertools.islice(search.steps(), most + 1))) <= most:
                break
        finished.append(recorded(search.ledger.study))
    assert finished[0] == finished[1] and finished[0][0] is not None


def test_a_run_that_loses_its_worker_is_tried_as_often_as_a_trial(
    prepared: Prepared, tmp_path: Path
) -> None:
    search = Search(made(tmp_path, confirm_seeds=1), prepared)
    for _ in range(4):
        search.train(*search.ask())
    for fault in (*[Fault.NODE] * MAX_NODE_LOSSES, Fault.PROCESS, Fault.PROCESS):
        ray_id, first = search.ask()
        search.runs.ended(ray_id, fault)
    failed = records.CHOICE_FAILURES.read(search.ledger.study)
    why = "its worker died twice: killed, or out of memory"
    assert failed == {first["trial"]: {1: why}}
    assert f"{first['trial']}, 1: failed: {why}" in search.shown.lines
    list(search.steps())
    assert records.WINNER.read(search.ledger.study) not in {None, first["trial"]}


def test_a_run_that_fails_is_recorded_with_its_reason(prepared: Prepared, tmp_path: Path) -> None:
    search = Search(made(tmp_path, trials=1, confirm_seeds=1), prepared)
    search.train(*search.ask())
    ray_id, params = search.ask()
    assert not search.runs.report(ray_id, {RUN_FAILED: "ValueError: odd"})
    assert records.CHOICE_FAILURES.read(search.ledger.study) == {0: {1: "ValueError: odd"}}
    assert search.ask()[1] == Searcher.FINISHED and params["trial"] == 0
    assert records.WINNER.read(search.ledger.study) is None


def test_a_run_that_is_stopped_leaves_no_trace_and_is_wanted_again(
    prepared: Prepared, tmp_path: Path
) -> None:
    search = Search(made(tmp_path, trials=1), prepared)
    search.train(*search.ask())
    ray_id, params = search.ask()
    assert search.runs.report(ray_id, report(0, 1))
    before = recorded(search.ledger.study)
    search.runs.ended(ray_id)
    assert recorded(search.ledger.study) == before
    assert search.ask()[1] == params


def test_a_report_run_that_was_not_tested_is_trained_again_and_tested(
    prepared: Prepared, tmp_path: Path
) -> None:
    """Its recorded curve stays, and runs beside it go on to their end. Then the search fails, and
    can be resumed."""
    goal = made(tmp_path, trials=1)
    search = Search(goal, prepared)
    search.train(*search.ask())
    ray_id, params = search.ask()
    beside = search.ask()
    search.runs.report(ray_id, report(0, 1))
    count = len(prepared.corpus.validation)
    right = np.zeros(count, dtype=bool)
    untested = worker.ValidationPredictions(
        [0] * count, [0.5] * count, right, untested="RuntimeError: odd"
    )
    search.runs.report(ray_id, {RUN_FINISHED: untested})
    assert str(search.runs.untested) == "a run cannot be tested: RuntimeError: odd"
    search.train(*beside)
    study = search.ledger.study
    curve = records.REPORT_RUNS.read(study)
    assert [list(runs) for runs in curve.values()] == [[1000, 1001]]
    assert list(records.TEST_SCORES.of(study, 0)) == [1001]
    again = Search(goal, prepared)
    assert next(again.steps()) == params
    again = Search(goal, prepared)
    list(again.steps())
    study = again.ledger.study
    assert records.REPORT_RUNS.read(study)[0][1000] == curve[0][1000]
    assert set(records.TEST_SCORES.of(study, 0)) == {1000, 1001, 1002}


def test_the_time_budget_ends_the_trials_only(prepared: Prepared, tmp_path: Path) -> None:
    search = Search(made(tmp_path, trials=30, time_budget=3600.0, confirm_seeds=1), prepared)
    search.ledger.start_clock()
    search.train(*search.ask())
    ray_id, _ = search.ask()
    search.ledger.trials_end = 0.0
    assert search.ask()[1] is None  # Until the one that runs has ended.
    search.searcher.ended(ray_id)
    seeds = [params["seed"] for params in search.steps()]
    assert seeds == [1, 1000, 1001, 1002] and search.searcher.ending == Ending.TIME
    assert len(studies.trials(search.ledger.study)) == 1


@pytest.mark.parametrize(("copies", "count"), [(1, 6), (1000, 4)])
def test_the_winner_runs_on_further_seeds_until_its_interval_is_narrow(
    copies: int, count: int, prepared: Prepared, tmp_path: Path
) -> None:
    """All its runs have the same score; what it may vary by depends on the number of sentences."""
    assert prepared.test is not None
    rows = np.tile(np.arange(len(prepared.test)), copies)
    whole = replace(prepared, test=prepared.test.select(rows))
    search = Search(made(tmp_path, trials=1, report_seeds=None), whole)
    seeds = [params["seed"] for params in search.steps()]
    assert seeds == [0, *range(1000, 1000 + count)]
    # Another process asks for no run more.
    assert Search(made(tmp_path, trials=1, report_seeds=None), whole).searcher.is_over


def test_trials_that_are_equal_need_no_choice_runs_and_are_recorded(
    prepared: Prepared, tmp_path: Path
) -> None:
    """All within 100 points are equal; each epoch of the tests takes equally long."""
    search = Search(made(tmp_path, indifference=100.0, confirm_top=4), prepared)
    list(search.steps())
    assert {params["seed"] for params in search.asked} == {0, 1000, 1001, 1002}
    study = search.ledger.study
    winner, *others = (trial.number for trial in ranking(study))
    assert records.WINNER.read(study) == winner
    assert records.EQUAL_TRIALS.read(study) == sorted(others) != []


def test_a_winner_that_was_reported_stays_among_equals(prepared: Prepared, tmp_path: Path) -> None:
    """Of equals, another may look cheaper when the search is resumed for more report runs."""
    goal = made(tmp_path, indifference=100.0, confirm_top=4)
    search = Search(goal, prepared)
    list(search.steps())
    other = ranking(search.ledger.study)[-1].number
    records.WINNER.write(search.ledger.study, other)
    again = Search(replace(goal, report_seeds=4), prepared)
    assert {params["trial"] for params in again.steps()} == {other}
    assert records.WINNER.read(again.ledger.study) == other
