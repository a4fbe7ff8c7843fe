"""A search that is interrupted decides as one that never was: every sampler with every scheduler,
and any order of events.

Nothing trains here: trials play curves that their numbers tell, and the ledger is driven as Ray
drives it.
"""

import itertools
import random
import shutil
import tempfile
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from optuna.trial import FrozenTrial, TrialState

from search.spec import Sampler, Scheduler, SearchSpec
from search.study import records
from search.study import study as studies
from search.trials.faults import Fault
from search.trials.ledger import Ledger
from search.worker_reports import RUN_FAILED, RUN_FINISHED
from tests.specs import spec_in

EPOCHS, TRIALS = 12, 12
"""Rungs are at 1, 3 and 9 epochs, the last one where no trial is pruned any more."""


def spec(folder: Path, **values: Any) -> SearchSpec:
    return spec_in(folder, **{"grace": 1, "epochs": EPOCHS, "trials": TRIALS, **values})


def accuracy(number: int, epoch: int) -> float:
    """Of a trial after an epoch: it rises, and curves cross."""
    draw = random.Random(number)
    end, speed = draw.uniform(0.3, 0.95), draw.uniform(0.2, 1.5)
    return round(
        end * (1 - 2.718 ** (-speed * epoch))
        + random.Random(1000 * number + epoch).uniform(0, 0.02),
        6,
    )


def report(number: int, epoch: int) -> dict[str, Any]:
    nothing = {
        "train_loss": 1.0,
        "train_accuracy": None,
        "validation_loss": 1.0,
        "learning_rate": 1e-4,
        "steps": 3,
        "seconds": 0.1,
    }
    best = max(accuracy(number, step) for step in range(1, epoch + 1))
    known = {"validation_accuracy": accuracy(number, epoch), "best_validation_accuracy": best}
    return {"epoch": epoch, "stage": "fine-tune", "micro_batch": 16, **nothing, **known}


def resumed(made: SearchSpec) -> Ledger:
    """As another process finds the search."""
    study = studies.open_study(made)
    studies.interrupt(study)
    return Ledger(study, made)


def play(made: SearchSpec, interrupt_after: int | None = None) -> list[FrozenTrial]:
    """Trials one after the other; the process dies after so many reports."""
    ledger, reports = resumed(made), 0
    while not ledger.all_trials_started:
        trial = ledger.ask("a")
        assert trial is not None
        for epoch in range(1, EPOCHS + 1):
            goes_on = ledger.report("a", report(trial.number, epoch))
            reports += 1
            if reports == interrupt_after:
                ledger = resumed(made)
                break
            if not goes_on:
                break
        else:
            ledger.report("a", {RUN_FINISHED: None})
    return studies.trials(ledger.study)


def essence(trial: FrozenTrial) -> tuple[Any, ...]:
    return (
        trial.number,
        trial.state,
        trial.value,
        records.CONFIG.read(trial),
        trial.intermediate_values,
        records.epochs(trial),
    )


PAIRS = list(itertools.product(get_args(Sampler), get_args(Scheduler)))


@pytest.mark.parametrize(("sampler", "scheduler"), PAIRS, ids=map("-".join, PAIRS))
def test_every_sampler_runs_with_every_scheduler_and_resumes(
    sampler: str, scheduler: str, tmp_path: Path
) -> None:
    """It ends as if it had not been interrupted: what is proposed depends on what the study holds,
    and on nothing else."""
    whole = play(spec(tmp_path / "whole", sampler=sampler, scheduler=scheduler))
    moment = random.Random(f"{sampler} {scheduler}").randint(
        10, sum(len(trial.intermediate_values) for trial in whole) - 10
    )
    cut = play(spec(tmp_path / "cut", sampler=sampler, scheduler=scheduler), moment)
    assert len(whole) == len(cut) == TRIALS and {trial.state for trial in cut} <= {
        TrialState.COMPLETE,
        TrialState.PRUNED,
    }
    assert list(map(essence, cut)) == list(map(essence, whole))
    assert scheduler == "none" or any(trial.state == TrialState.PRUNED for trial in whole)


@pytest.mark.parametrize("late", [0.61, 0.05], ids=["one stage", "another classifier"])
def test_trials_that_are_interrupted_late_complete_as_they_would_have(
    late: float, tmp_path: Path
) -> None:
    """Three side by side, after epoch 9 of 10: rungs are at 3 and 9, but none is pruned in the last
    third of its epochs."""
    made = spec(tmp_path, epochs=10, grace=3)
    ends = {0: late, 1: 0.89, 2: 0.88}

    def say(number: int, epoch: int) -> dict[str, Any]:
        score = ends[number] if epoch > 8 else 0.5 + number / 10
        return {
            **report(number, epoch),
            "validation_accuracy": score,
            "best_validation_accuracy": score,
        }

    def run(ledger: Ledger, epochs: int) -> None:
        numbers = {}
        for ray_id in "abc":
            trial = ledger.ask(ray_id)
            assert trial is not None
            numbers[ray_id] = trial.number
        for epoch in range(1, epochs + 1):
            for ray_id, number in numbers.items():
                assert ledger.report(ray_id, say(number, epoch)), (number, epoch)

    run(resumed(made), 9)
    ledger = resumed(made)
    run(ledger, 10)
    for ray_id in "abc":
        ledger.report(ray_id, {RUN_FINISHED: None})
    assert [(trial.state, trial.value) for trial in studies.trials(ledger.study)] == [
        (TrialState.COMPLETE, ends[i]) for i in range(3)
    ]


def test_a_search_that_dies_after_any_write_ends_as_one_that_did_not(tmp_path: Path) -> None:
    """A few of the places at which the journal may end; the soak test below has them all."""
    assert_same_after_cuts(spec(tmp_path, sampler="random", trials=6), every=17)


@pytest.mark.soak
@pytest.mark.parametrize("scheduler", ["asha", "hyperband", "median"])
def test_a_search_that_dies_after_any_line_ends_as_one_that_did_not(
    scheduler: str, tmp_path: Path
) -> None:
    """Also in the middle of an entry, as after a power loss."""
    assert_same_after_cuts(spec(tmp_path, sampler="random", scheduler=scheduler, trials=8), every=1)


def assert_same_after_cuts(made: SearchSpec, every: int) -> None:
    """Search, then cut the journal after each `every`-th line, and search on."""
    whole, path = [essence(trial) for trial in play(made)], made.folder / studies.JOURNAL
    assert made.scheduler == "none" or "PRUNED" in {state.name for _, state, *_ in whole}
    lines = path.read_bytes().splitlines(keepends=True)
    for cut in range(1, len(lines), every):
        path.write_bytes(b"".join(lines[:cut]))
        assert [essence(trial) for trial in play(made)] == whole, (
            f"cut after line {cut}: {lines[cut - 1]!r}"
        )


class Search(RuleBasedStateMachine):
    """Ask, report, lose workers and die in any order, beside a search to which nothing happens but
    the same reports, each once."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="ledger-"))
        self.ids = map(str, itertools.count())

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @initialize(scheduler=st.sampled_from(get_args(Scheduler)))
    def begin(self, scheduler: str) -> None:
        self.made = spec(self.folder / "a", sampler="random", scheduler=scheduler)
        self.ledger, self.calm = (
            resumed(self.made),
            resumed(spec(self.folder / "b", sampler="random", scheduler=scheduler)),
        )
        self.running: dict[
            str, tuple[int, int]
        ] = {}  # Ray's id: number, epochs reported by this attempt
        self.recorded: dict[int, int] = {}
        self.deaths: dict[int, int] = {}
        self.ended: dict[int, TrialState] = {}

    @rule()
    def ask(self) -> None:
        if len(self.running) == 3 or self.ledger.all_trials_started:
            return
        ray_id = next(self.ids)
        trial = self.ledger.ask(ray_id)
        assert trial is not None and trial.number not in self.ended
        self.running[ray_id] = (trial.number, 0)
        if trial.number not in self.recorded:
            again = self.calm.ask(str(trial.number))
            assert again is not None and again.number == trial.number
            assert records.CONFIG.read(again) == records.CONFIG.read(trial)
            self.recorded[trial.number] = 0

    @precondition(lambda self: self.running)
    @rule(data=st.data(), epochs=st.sampled_from([1, 2, 9, 12]))
    def report(self, data: st.DataObject, epochs: int) -> None:
        ray_id = data.draw(st.sampled_from(sorted(self.running)))
        for _ in range(epochs):
            number, done = self.running[ray_id]
            if done == EPOCHS:
                assert not self.ledger.report(ray_id, {RUN_FINISHED: None})
                self.calm.report(str(number), {RUN_FINISHED: None})
                return self._end(ray_id, TrialState.COMPLETE)
            goes_on = self.ledger.report(ray_id, report(number, done + 1))
            if done + 1 > self.recorded[number]:
                assert goes_on == self.calm.report(str(number), report(number, done + 1))
                self.recorded[number] = done + 1
            else:
                assert goes_on, "what went on once goes on again"
            if not goes_on:
                return self._end(ray_id, TrialState.PRUNED)
            self.running[ray_id] = (number, done + 1)
        return None

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        ray_id = data.draw(st.sampled_from(sorted(self.running)))
        for ledger, name in ((self.ledger, ray_id), (self.calm, str(self.running[ray_id][0]))):
            ledger.report(name, {RUN_FAILED: f"FloatingPointError: in {self.running[ray_id]}"})
        self._end(ray_id, TrialState.FAIL)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), died=st.booleans())
    def lose(self, data: st.DataObject, died: bool) -> None:
        """A worker dies, or Ray takes it away."""
        ray_id = data.draw(st.sampled_from(sorted(self.running)))
        number, _ = self.running[ray_id]
        self.ledger.ended(ray_id, Fault.PROCESS if died else None)
        self.deaths[number] = self.deaths.get(number, 0) + died
        if self.deaths[number] == 2 and died:
            self.calm.report(str(number), {RUN_FAILED: "its worker died twice"})
            self._end(ray_id, TrialState.FAIL)
        else:
            del self.running[ray_id]

    @rule()
    def die(self) -> None:
        self.ledger, self.running = resumed(self.made), {}

    def _end(self, ray_id: str, state: TrialState) -> None:
        self.ended[self.running.pop(ray_id)[0]] = state

    @invariant()
    def each_trial_is_there_once_in_its_state(self) -> None:
        if not hasattr(self, "ledger"):
            return
        by_number = {
            trial.number: trial
            for trial in self.ledger.study.get_trials(deepcopy=False)
            if trial.number in self.recorded
        }
        assert sorted(by_number) == sorted(self.recorded)
        running = {number for number, _ in self.running.values()}
        for number, trial in by_number.items():
            expected = self.ended.get(
                number, TrialState.RUNNING if number in running else TrialState.WAITING
            )
            assert trial.state == expected
            assert sorted(trial.intermediate_values) == list(range(1, self.recorded[number] + 1))
            calm = self.calm.study.get_trials(deepcopy=False)[number]
            rungs = {key: value for key, value in trial.system_attrs.items() if "rung" in key}
            assert rungs == {
                key: value for key, value in calm.system_attrs.items() if "rung" in key
            }


def machine(examples: int, steps: int) -> None:
    run_state_machine_as_test(
        Search,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        ),
    )


def test_no_order_of_events_loses_doubles_or_judges_a_trial_twice() -> None:
    machine(examples=4, steps=15)


@pytest.mark.soak
def test_no_order_of_events_does_so_in_many_tries() -> None:
    machine(examples=40, steps=50)
