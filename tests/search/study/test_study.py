"""The study as the ledger: what is asked, what is recorded, what may not be run twice."""

import random
import resource
import time
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from optuna.trial import TrialState
from scipy.stats import binomtest

import trainables
from analysis.read.correct import read_correct
from search.outputs import tables as results
from search.spec import Scheduler
from search.study import proposals, records
from search.study import study as studies
from search.study.configuration import starting_points
from search.study.journal import repair
from search.study.proposals import ask
from search.trials.faults import Fault
from search.trials.ledger import Ledger
from search.worker_reports import ENDED_AT, RUN_FAILED, RUN_FINISHED, STARTED_AT
from tests.search.reported import CORPUS, epoch
from tests.specs import spec_in


@pytest.mark.parametrize("name", trainables.names())
def test_trial_0_is_the_papers_configuration(name: str, tmp_path: Path) -> None:
    made = spec_in(tmp_path, regime=name)
    trial = ask(studies.open_study(made), made)
    assert trial is not None and trial.number == 0
    assert records.CONFIG.read(trial) == trainables.load(name).Config().to_dict()


def test_fixed_values_stand_in_every_trial_and_are_never_suggested(tmp_path: Path) -> None:
    made = spec_in(tmp_path, fix={"dropout": 0.3, "optimizer": "sgd"}, sampler="random")
    study = studies.open_study(made)
    for _ in range(12):
        trial = ask(study, made)
        assert trial is not None
        assert (
            records.CONFIG.read(trial)["dropout"],
            records.CONFIG.read(trial)["optimizer"],
        ) == (0.3, "sgd")
        assert "dropout" not in trial.params and "momentum" in trial.params


@pytest.mark.parametrize("sampler", ["tpe", "gp", "cmaes", "random"])
def test_every_sampler_proposes_after_results(sampler: str, tmp_path: Path) -> None:
    """Two trials from what was learned: before ten have ended they are drawn at random."""
    made = spec_in(tmp_path, sampler=sampler, scheduler="none", regime="supcon")
    study = studies.open_study(made)
    ledger = Ledger(study, made)
    for number in range(12):
        assert ledger.ask(f"r{number}") is not None
        ledger.report(f"r{number}", epoch(1, number / 20))
        ledger.report(f"r{number}", {RUN_FINISHED: None})
    assert [trial.state for trial in studies.trials(study)] == [TrialState.COMPLETE] * 12


def test_a_configuration_is_not_run_twice_and_an_exhausted_space_ends_the_search(
    tmp_path: Path,
) -> None:
    """Only the schedule is left to search: three configurations, whatever the sampler repeats."""
    fixed = {
        name: value
        for name, value in trainables.load("llrd").Config().to_dict().items()
        if name != "schedule"
    }
    made = spec_in(tmp_path, fix=fixed)
    study = studies.open_study(made)
    ledger = Ledger(study, made)
    asked = 0
    while ledger.ask(f"r{asked}") is not None:
        ledger.report(f"r{asked}", epoch(1, 0.5))
        ledger.report(f"r{asked}", {RUN_FINISHED: None})
        asked += 1
    assert asked == 3 and ledger.exhausted
    assert {records.CONFIG.read(trial)["schedule"] for trial in studies.trials(study)} == {
        "constant",
        "linear",
        "cosine",
    }


def test_given_trials_are_those_that_the_search_began_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A random one in place of a duplicate is queued too, but nobody knows it to be good."""
    monkeypatch.setattr(proposals, "MAX_DUPLICATES", 1)
    defaults = trainables.load("llrd").Config().to_dict()
    free = ("schedule", "batch_size")
    fixed = {name: value for name, value in defaults.items() if name not in free}
    made = spec_in(tmp_path, fix=fixed)
    study = studies.open_study(made)
    while ask(study, made) is not None:
        pass
    trials = studies.trials(study)
    beginning = len(starting_points(made))
    assert [trial.number for trial in trials if records.is_starting_point(trial)] == [
        trial.number for trial in trials if trial.number < beginning
    ]
    assert any(records.REPLACEMENT.read(trial) for trial in trials)
    assert [row["given"] for row in results.trial_rows(study)] == list(
        map(records.is_starting_point, trials)
    )


def test_states_are_honest(tmp_path: Path) -> None:
    made = spec_in(tmp_path, grace=1)
    study = studies.open_study(made)
    ledger = Ledger(study, made)
    for ray_id in "abcdef":
        ledger.ask(ray_id)
    assert ledger.report("a", epoch(1, 0.1))  # the paper's configuration goes on, however bad
    for number, ray_id in enumerate("bc"):
        assert ledger.report(ray_id, epoch(1, 0.8 + 0.1 * number))
    assert not ledger.report("d", epoch(1, 0.05))
    ledger.report("e", {RUN_FAILED: "FloatingPointError: the loss became nan in epoch 1"})
    ledger.ended("f", Fault.PROCESS)
    ledger.ask("f")
    ledger.ended("f", Fault.PROCESS)
    ledger.report("a", epoch(2, 0.7))
    ledger.report("a", epoch(3, 0.6, best=0.7))
    ledger.report("a", {RUN_FINISHED: None})
    trials = studies.trials(study)
    assert [trial.state.name for trial in trials] == [
        "COMPLETE",
        "RUNNING",
        "RUNNING",
        "PRUNED",
        "FAIL",
        "FAIL",
    ]
    assert trials[0].value == 0.7
    assert (
        "nan" in trials[4].user_attrs[records.FAILURE.name]
        and "worker died" in trials[5].user_attrs[records.FAILURE.name]
    )


def test_every_epoch_is_in_the_journal_before_the_answer(tmp_path: Path) -> None:
    """A second reader of the file sees the epoch as soon as the report returns."""
    made = spec_in(tmp_path)
    study = studies.open_study(made)
    ledger = Ledger(study, made)
    ledger.ask("a")
    for number in range(1, 4):
        ledger.report("a", epoch(number, number / 10))
        (trial,) = studies.trials(studies.read_study(made.folder))
        assert records.epochs(trial)[-1] == epoch(number, number / 10)


def test_asha_stops_what_a_slow_reading_of_it_stops(tmp_path: Path) -> None:
    """Oracle: at rung r a trial goes on if it is in the best third of those that reached r so far,
    or the best while they are under 3."""
    made = spec_in(tmp_path, sampler="random", grace=1)
    ledger = Ledger(studies.open_study(made), made)
    draw = random.Random(0)
    seen: dict[int, list[float]] = {1: [], 3: []}
    stopped = []
    for number in range(25):
        ledger.ask(str(number))
        for step in range(1, 10):
            accuracy = round(draw.random(), 6)
            expected = True
            if step in seen:
                seen[step].append(accuracy)
                rank = sorted(seen[step], reverse=True).index(accuracy)
                expected = rank < max(1, len(seen[step]) // 3)
            goes_on = ledger.report(str(number), epoch(step, accuracy))
            assert goes_on == (expected or number == 0)
            if not goes_on:
                stopped.append(number)
                break
    assert 10 < len(stopped) < 25


def test_what_was_interrupted_is_run_again_as_it_was_and_finished_trials_stand(
    tmp_path: Path,
) -> None:
    made = spec_in(tmp_path, scheduler="none")
    ledger = Ledger(studies.open_study(made), made)
    for ray_id in "abc":
        ledger.ask(ray_id)
    for ray_id in "ac":
        ledger.report(ray_id, epoch(1, 0.5))
    ledger.report("c", {RUN_FINISHED: None})
    before = {trial.number: trial for trial in studies.trials(ledger.study)}
    study = studies.open_study(made)  # as another process would, after the first one died
    studies.interrupt(study)
    assert [trial.number for trial in studies.trials(study)] == [2]
    again = Ledger(study, made)
    for ray_id, number in (("x", 0), ("y", 1)):
        trial = again.ask(ray_id)
        assert trial is not None and trial.number == number
        assert records.CONFIG.read(trial) == records.CONFIG.read(before[number])
        again.report(ray_id, epoch(1, 0.5))
        again.report(ray_id, epoch(2, 0.6))
        again.report(ray_id, {RUN_FINISHED: None})
    trials = studies.trials(study)
    assert [(trial.number, trial.state, trial.value) for trial in trials] == [
        (number, TrialState.COMPLETE, value) for number, value in ((0, 0.6), (1, 0.6), (2, 0.5))
    ]
    assert trials[2].user_attrs == before[2].user_attrs
    assert [one["epoch"] for one in records.epochs(trials[0])] == [1, 2]


def test_the_rungs_of_an_interrupted_search_count_each_trial_once(tmp_path: Path) -> None:
    """A search that is interrupted after every third report decides at each rung as one that never
    was."""

    def decisions(folder: Path, interrupted: bool) -> list[tuple[int, int, bool]]:
        made = spec_in(folder, sampler="random", grace=1)
        ledger, draw, reports, outcomes = (
            Ledger(studies.open_study(made), made),
            random.Random(1),
            0,
            [],
        )
        for number in range(20):
            curve = [round(draw.random(), 6) for _ in range(9)]
            asked = ledger.ask(str(number))
            assert asked is not None and asked.number == number
            step = 0
            while step < 6:
                goes_on = ledger.report(str(number), epoch(step + 1, curve[step]))
                outcomes.append((number, step + 1, goes_on))
                step, reports = step + 1, reports + 1
                if not goes_on:
                    break
                if interrupted and reports % 3 == 0:
                    study = studies.open_study(made)
                    studies.interrupt(study)
                    ledger = Ledger(study, made)
                    again = ledger.ask(str(number))
                    assert again is not None and again.number == number
                    for known in range(step):
                        assert ledger.report(str(number), epoch(known + 1, curve[known]))
            else:
                ledger.report(str(number), {RUN_FINISHED: None})
        return outcomes

    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert decisions(tmp_path / "a", interrupted=False) == decisions(
        tmp_path / "b", interrupted=True
    )


@pytest.mark.parametrize("moment", range(1, 40, 3))
def test_a_random_search_that_is_cut_anywhere_tries_what_it_would_have_tried(
    moment: int, tmp_path: Path
) -> None:
    """The journal is cut after `moment` of its last lines, as if the process had died there."""
    made = spec_in(tmp_path, sampler="random", scheduler="none")
    whole = studies.open_study(made)
    ledger = Ledger(whole, made)
    for number in range(8):
        ledger.ask(str(number))
    expected = [records.CONFIG.read(trial) for trial in studies.trials(whole)]
    path = made.folder / studies.JOURNAL
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-moment]))
    study = studies.open_study(made)
    studies.interrupt(study)
    again = Ledger(study, made)
    for number in range(8):
        again.ask(str(number))
    assert [records.CONFIG.read(trial) for trial in studies.trials(study)] == expected


def test_a_worker_that_dies_is_given_one_more_and_then_the_trial_fails(tmp_path: Path) -> None:
    made = spec_in(tmp_path)
    ledger = Ledger(studies.open_study(made), made)
    ledger.ask("a")
    ledger.report("a", epoch(1, 0.5))
    ledger.ended("a", Fault.PROCESS)
    again = ledger.ask("b")
    assert again is not None and again.number == 0
    ledger.ended("b", Fault.PROCESS)
    (trial,) = studies.trials(ledger.study)
    assert trial.state == TrialState.FAIL and "died twice" in (records.FAILURE.read(trial) or "")
    assert records.epochs(trial) == [epoch(1, 0.5)]


def test_three_first_failures_for_one_reason_end_the_search(tmp_path: Path) -> None:
    made = spec_in(tmp_path)
    ledger = Ledger(studies.open_study(made), made)
    for ray_id in "abcd":
        ledger.ask(ray_id)
    for ray_id in "ab":
        ledger.report(ray_id, {RUN_FAILED: "OSError: no such file"})
    assert ledger.common_failure is None and ledger.report("d", epoch(1, 0.1))
    ledger.report("c", {RUN_FAILED: "OSError: no such file"})
    assert ledger.common_failure == "OSError: no such file"
    assert not ledger.report("d", epoch(2, 0.1))


@pytest.mark.parametrize("reasons", [("a", "b", "a"), ("a", "a", None), (None, "a", "a", "a")])
def test_failures_for_different_reasons_or_after_a_success_do_not(
    reasons: tuple[str | None, ...], tmp_path: Path
) -> None:
    made = spec_in(tmp_path)
    ledger = Ledger(studies.open_study(made), made)
    for number, reason in enumerate(reasons):
        ledger.ask(str(number))
        if reason is None:
            ledger.report(str(number), epoch(1, 0.1))
        ledger.report(str(number), {RUN_FINISHED: None} if reason is None else {RUN_FAILED: reason})
    assert ledger.common_failure is None


@pytest.mark.parametrize(
    ("sampler", "seeds"), [("tpe", 4), pytest.param("gp", 1, marks=pytest.mark.soak)]
)
def test_a_sampler_learns_to_stay_away_from_what_fails(
    sampler: str, seeds: int, tmp_path: Path
) -> None:
    """Trials whose layers decay little fail, half of the range: of the later proposals fewer are
    there than of random ones."""
    late = []
    for seed in range(seeds):
        made = spec_in(tmp_path, sampler=sampler, scheduler="none", name=f"s-{seed}", seed=seed)
        ledger = Ledger(studies.open_study(made), made)
        for number in range(40):
            trial = ledger.ask(str(number))
            assert trial is not None
            fails = records.CONFIG.read(trial)["layerwise_decay"] > 0.75
            if fails:
                reason = f"FloatingPointError: the loss became nan in epoch {number}"
                ledger.report(str(number), {RUN_FAILED: reason})
            else:
                ledger.report(str(number), epoch(1, 0.5 + number % 7 / 100))
                ledger.report(str(number), {RUN_FINISHED: None})
            if number >= 15:
                late.append(fails)
        assert {trial.state for trial in studies.trials(ledger.study)} == {
            TrialState.COMPLETE,
            TrialState.FAIL,
        }
    assert binomtest(sum(late), len(late), 0.5, alternative="less").pvalue < 1e-3


@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.soak)])
def test_a_journal_that_was_cut_at_any_byte_loads_and_goes_on(step: int, tmp_path: Path) -> None:
    """At every byte of the last 4,096, or at one in seven."""
    made = spec_in(tmp_path, scheduler="none", sampler="random")
    ledger = Ledger(studies.open_study(made), made)
    for number in range(2):
        ledger.ask(str(number))
        for step in range(1, 4):
            ledger.report(str(number), epoch(step, 0.1 * step))
        ledger.report(str(number), {RUN_FINISHED: None})
    path = made.folder / studies.JOURNAL
    content = path.read_bytes()
    assert len(content) > 4096
    asked = {
        trial.number: (trial.params, records.CONFIG.read(trial))
        for trial in studies.trials(ledger.study)
    }
    for cut in range(len(content) - 4096, len(content), step):
        path.write_bytes(content[:cut])
        before = len(studies.read_study(made.folder).get_trials(deepcopy=False))
        repair(path)
        left = studies.read_study(made.folder)
        assert len(left.get_trials(deepcopy=False)) == before
        for trial in studies.trials(left):
            assert (trial.params, records.CONFIG.read(trial)) == asked[trial.number]
            assert sorted(trial.intermediate_values) == [
                one["epoch"] for one in records.epochs(trial)
            ]
    for tail in (
        b"\0" * 700,
        b'{"op_code":8,"wor',
        b"\xff\xfe\n",
        b"[1]\n",
    ):  # what a power loss may leave in the file's last block
        path.write_bytes(content + tail)
        study = studies.open_study(made)
        again = Ledger(study, made)
        assert len(studies.trials(study)) == 2 and again.ask("next") is not None
        assert len(studies.trials(studies.read_study(made.folder))) == 3
        path.write_bytes(content)


def test_a_killed_processs_lock_does_not_hold_up_the_next(tmp_path: Path) -> None:
    made = spec_in(tmp_path)
    Ledger(studies.open_study(made), made).ask("a")
    Path(f"{made.folder / studies.JOURNAL}.lock").symlink_to(made.folder / studies.JOURNAL)
    began = time.monotonic()
    assert Ledger(studies.open_study(made), made).ask("b") is not None
    assert time.monotonic() - began < 25  # Optuna itself waits for 30 seconds


def test_a_write_that_fails_leaves_the_journal_as_it_was(tmp_path: Path) -> None:
    """The file may not grow beyond a few bytes more: the system writes a part, then refuses, as on
    a full disk."""
    made = spec_in(tmp_path)
    study = studies.open_study(made)
    path = made.folder / studies.JOURNAL
    content = path.read_bytes()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(content) + 20, before[1]))
    try:
        with pytest.raises(OSError):
            study.set_user_attr("key", "x" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == content
    study.set_user_attr("key", "y")
    assert studies.read_study(made.folder).user_attrs["key"] == "y"


def test_tables_are_rebuilt_from_the_journal_alone(tmp_path: Path) -> None:
    made = spec_in(tmp_path, scheduler="none")
    study = studies.open_study(made)
    ledger = Ledger(study, made)
    for number, accuracy in enumerate((0.2, 0.9, 0.4)):
        ledger.ask(str(number))
        ledger.report(str(number), epoch(1, accuracy))
        ledger.report(str(number), {RUN_FINISHED: None})
    facts = {
        "comparable": False,
        "why_not": "x",
        "test_size": None,
        "validation_size": 5,
        "encoder_is_papers": False,
    }
    first = results.write_results(study, made, facts, CORPUS)
    before = {path.name: path.read_text() for path in made.folder.glob("*.csv")}
    for path in made.folder.glob("*.csv"):
        path.unlink()
    assert results.write_results(studies.read_study(made.folder), made, facts, CORPUS) == first
    assert {path.name: path.read_text() for path in made.folder.glob("*.csv")} == before
    assert (
        first.best_trial,
        first.best_validation_accuracy,
        first.paper_config_validation_accuracy,
    ) == (
        1,
        0.9,
        0.2,
    )


def test_bits_of_right_sentences_are_written_for_the_runs_that_have_them(tmp_path: Path) -> None:
    """A journal of an earlier version has runs without bits; a folder without any has no file."""
    made = spec_in(tmp_path)
    study = studies.open_study(made)
    records.CHOICE_RUNS.add(study, 1, 2, [epoch(1, 0.5)])
    records.REPORT_RUNS.add(study, 1, 10, [epoch(1, 0.5)])
    results.write_results(study, made, results.UNKNOWN_FACTS, CORPUS)
    assert not (made.folder / "correct.csv").exists()
    for split, seed, bits in (
        ("validation", 2, "c0"),
        ("validation", 10, "40"),
        ("test", 10, "80"),
    ):
        records.correct(split, 1, seed).write(study, {"sentences": 3, "correct": bits})
    records.correct("test", 0, 2).write(study, {"sentences": 3, "correct": "00"})
    scores = {"validation_accuracy": 2 / 3, "validation_loss": 1.0}
    floor = {"config": {}, "chosen": {}, **scores, STARTED_AT: 0.0, ENDED_AT: 1.0}
    records.correct("validation", 0, made.seed).write(study, {"sentences": 3, "correct": "20"})
    records.FLOORS.write(study, {"majority": floor})
    records.floor_correct("validation", "majority").write(
        study, records.bits(np.array([False, True, True]))
    )
    records.WINNER.write(study, 1)
    results.write_results(study, made, results.UNKNOWN_FACTS, CORPUS)
    assert [tuple(row.values()) for row in results.correct_rows(study, made)] == [
        ("search", 0, made.seed, "validation", 3, "20"),
        ("choice", 1, 2, "validation", 3, "c0"),
        ("report", 1, 10, "validation", 3, "40"),
        ("report", 1, 10, "test", 3, "80"),
        ("majority", 0, made.seed, "validation", 3, "60"),
    ]
    read = read_correct(made.folder / "correct.csv", 1)
    for kind, trial, split, expected in (
        ("report", 1, "validation", [False, True, False]),
        ("report", 1, "test", [True, False, False]),
        ("search", 0, "validation", [False, False, True]),
        ("majority", 0, "validation", [False, True, True]),
    ):
        right = read.of(kind, trial, split)
        assert right is not None and right.tolist() == [expected]


def test_predictions_are_the_winners_on_its_fresh_seeds(tmp_path: Path) -> None:
    """Not another trial's, nor a seed's whose answers an older journal does not have; and no text
    is a formula."""
    made = spec_in(tmp_path)
    study = studies.open_study(made)
    assert results.prediction_rows(study, CORPUS) == []
    study.set_user_attr(
        records.CHOICE_RUNS.name, {"1": {"2": [], "10": [], "3": []}, "0": {"2": []}}
    )
    for trial, seed, answers in ((1, 10, [0, 0, 1]), (1, 2, [1, 1, 1]), (0, 2, [0, 0, 0])):
        study.set_user_attr(
            records.predictions(trial, seed).name,
            {"predicted": answers, "confidence": [0.9, 0.8, 0.7]},
        )
    assert results.prediction_rows(study, CORPUS) == []
    study.set_user_attr(records.WINNER.name, 1)
    rows = results.prediction_rows(study, CORPUS)
    assert [
        (row["seed"], row["row"], row["text"], row["label"], row["predicted"], row["confidence"])
        for row in rows
    ] == [
        (2, 0, "yes", "a", "b", 0.9),
        (2, 1, "no", "b", "b", 0.8),
        (2, 2, "'=1+1", "b", "b", 0.7),
        (10, 0, "yes", "a", "a", 0.9),
        (10, 1, "no", "b", "a", 0.8),
        (10, 2, "'=1+1", "b", "b", 0.7),
    ]


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "best.yaml"
    results.write(target, "old")
    with pytest.raises(UnicodeEncodeError):
        results.write(target, "new \ud800")
    assert target.read_text() == "old"


@pytest.mark.slow
def test_a_sampler_that_repeats_itself_still_covers_a_small_space(tmp_path: Path) -> None:
    """54 configurations, and a sampler drawn to one of them: all are run before the space is called
    exhausted."""
    free = ("schedule", "head_width", "batch_size")
    fixed = {
        name: value
        for name, value in trainables.load("llrd").Config().to_dict().items()
        if name not in free
    }
    made = spec_in(tmp_path, fix=fixed)
    ledger = Ledger(studies.open_study(made), made)
    asked = 0
    while (trial := ledger.ask(str(asked))) is not None:
        accuracy = 0.9 if records.CONFIG.read(trial)["schedule"] == "linear" else 0.1
        ledger.report(str(asked), epoch(1, accuracy))
        if str(asked) in ledger.in_flight:
            ledger.report(str(asked), {RUN_FINISHED: None})
        asked += 1
    assert asked == 54


@pytest.mark.parametrize("scheduler", sorted({*get_args(Scheduler)} - {"none"}))
def test_no_trial_is_stopped_before_its_grace(scheduler: str, tmp_path: Path) -> None:
    made = spec_in(tmp_path, scheduler=scheduler, grace=3, sampler="random")
    ledger = Ledger(studies.open_study(made), made)
    stopped = []
    for number in range(12):
        ledger.ask(str(number))
        for step in range(1, 10):
            if not ledger.report(str(number), epoch(step, 0.9 - number / 20)):
                stopped.append(step)
                break
        else:
            ledger.report(str(number), {RUN_FINISHED: None})
    assert stopped and min(stopped) == 3


def test_a_trial_that_was_being_asked_when_the_driver_died_keeps_the_papers_values(
    tmp_path: Path,
) -> None:
    made = spec_in(tmp_path)
    study = studies.open_study(made)
    study.ask().suggest_float("dropout", 0.0, 0.9, step=0.05)  # and no further
    study = studies.open_study(made)
    studies.interrupt(study)
    ledger = Ledger(study, made)
    configs = [
        records.CONFIG.read(trial) for trial in (ledger.ask(ray_id) for ray_id in "abc") if trial
    ]
    assert trainables.load("llrd").Config().to_dict() in configs
