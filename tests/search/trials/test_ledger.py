"""What a search records: each event whole or not at all, points as they were meant, and nothing
that is no score."""

import contextlib
import json
import resource
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState
from ray.tune import PlacementGroupFactory
from ray.tune.utils.object_cache import _ObjectCache

import spaces
import trainables
from search.cluster.capacity import Capacity
from search.cluster.resources import Resources
from search.study import records
from search.study import study as studies
from search.study.configuration import configuration, point_parameters
from search.study.journal import CONTINUED_KEY, repair
from search.trials.faults import Fault
from search.trials.ledger import Ledger
from search.trials.ray_adapters import Relay, StudyScheduler
from search.trials.searcher import StudySearcher
from search.worker_reports import RUN_FINISHED
from tests import tiny
from tests.processes import run
from tests.search.trials.test_resumed_decisions import report, resumed, spec


def entries(path: Path) -> list[list[dict[str, Any]]]:
    """The journal's lines, by entry."""
    written: list[list[dict[str, Any]]] = [[]]
    for line in map(json.loads, path.read_text().splitlines()):
        written[-1].append(line)
        if CONTINUED_KEY not in line:
            written.append([])
    assert written.pop() == []
    return written


def test_what_follows_from_an_event_is_one_entry(tmp_path: Path) -> None:
    """Five events: a question, two reports, one of which prunes, a lost worker and an end."""
    made = spec(tmp_path, sampler="random")
    ledger, path = resumed(made), made.folder / studies.JOURNAL
    for ray_id in "abcd":
        ledger.ask(ray_id)
    before = len(entries(path))
    assert ledger.ask("e") is not None
    assert ledger.report("b", {**report(1, 1), "validation_accuracy": 0.9})
    assert not ledger.report("c", {**report(2, 1), "validation_accuracy": 0.1})
    ledger.ended("d", Fault.PROCESS)
    ledger.report("b", {RUN_FINISHED: None})
    written = entries(path)[before:]
    assert len(written) == 5 and len(written[0]) > 5
    assert [line.get("state") for line in written[2]][-1] == TrialState.PRUNED


def test_the_ledger_counts_what_the_study_has(tmp_path: Path) -> None:
    """After each kind of event, in two processes one after the other."""
    made = spec(tmp_path, sampler="random")
    for first in (True, False):
        ledger = resumed(made)

        def counted(ledger: Ledger = ledger) -> int:
            """The highest number of trials at which all count as started."""
            for trials in range(1, 99):
                ledger.spec = replace(made, trials=trials)
                if not ledger.all_trials_started:
                    return trials - 1
            return 99

        counts = [counted()]
        for ray_id in "abcd":
            ledger.ask(ray_id)
            counts.append(counted())
        assert ledger.report("a", {**report(1, 1), "validation_accuracy": 0.9})
        for event in (
            lambda ledger=ledger: ledger.report("a", {RUN_FINISHED: None}),
            lambda ledger=ledger: ledger.fail("b", "for a test"),
            lambda ledger=ledger: ledger.ended("c", False),
        ):
            event()
            counts.append(counted())
            assert counts[-1] == len(studies.trials(ledger.study))
        assert counts == ([0, 1, 2, 3, 4, 4, 4, 3] if first else [2, 3, 4, 5, 6, 6, 6, 5])


def test_a_reader_in_another_process_or_of_optunas_own_sees_the_same(tmp_path: Path) -> None:
    made = spec(tmp_path)
    ledger = resumed(made)
    for ray_id in "abc":
        ledger.ask(ray_id)
        ledger.report(ray_id, report(0, 1))
    assert studies.read_study(made.folder).get_trials() == ledger.study.get_trials()


def test_no_other_thread_sees_what_is_not_on_the_disk(tmp_path: Path) -> None:
    made = spec(tmp_path)
    study, seen = studies.open_study(made), []
    reader = threading.Thread(target=lambda: seen.append(study.user_attrs.get("key")))
    with studies.transaction(study):
        study.set_user_attr("key", "value")
        assert study.user_attrs["key"] == "value"
        reader.start()
        reader.join(0.3)
        assert seen == [] and "key" not in studies.read_study(made.folder).user_attrs
    reader.join()
    assert seen == ["value"] and studies.read_study(made.folder).user_attrs["key"] == "value"


@contextlib.contextmanager
def full_disk(path: Path) -> Iterator[None]:
    """The file may not grow beyond a few bytes more: the system writes a part, then refuses."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_an_entry_that_could_not_be_written_is_the_last(tmp_path: Path) -> None:
    """Optuna has it in memory already, so whatever followed would be about trials that the file
    does not have."""
    made = spec(tmp_path)
    ledger, path = resumed(made), made.folder / studies.JOURNAL
    content = path.read_bytes()
    with full_disk(path), pytest.raises(OSError, match="File too large"):
        ledger.ask("a")
    with pytest.raises(OSError, match="File too large"):
        studies.interrupt(ledger.study)
    assert path.read_bytes() == content
    trial = resumed(made).ask("a")
    assert trial is not None and trial.number == 0


@pytest.mark.parametrize("torn", [False, True])
def test_an_entry_that_is_not_whole_is_cut_off(torn: bool, tmp_path: Path) -> None:
    made = spec(tmp_path)
    path, ledger = made.folder / studies.JOURNAL, resumed(made)
    content = path.read_bytes()
    ledger.ask("a")
    lines = path.read_bytes()[len(content) :].splitlines(keepends=True)
    path.write_bytes(content + b"".join(lines[:3]) + (lines[3][:9] if torn else b""))
    repair(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("key", "value"),
    [("validation_accuracy", float("nan")), ("best_validation_accuracy", float("inf"))],
)
def test_an_accuracy_that_is_no_number_fails_its_trial_and_is_not_ranked(
    key: str, value: float, tmp_path: Path
) -> None:
    ledger = resumed(spec(tmp_path))
    ledger.ask("a")
    assert ledger.report("a", report(0, 1)) and not ledger.report("a", {**report(0, 2), key: value})
    (trial,) = studies.trials(ledger.study)
    assert (
        trial.state == TrialState.FAIL
        and records.FAILURE.read(trial) == "its accuracy was not a number in epoch 2"
    )
    assert list(trial.intermediate_values) == [1] and len(records.epochs(trial)) == 1


def test_a_trial_that_ends_without_an_epoch_fails(tmp_path: Path) -> None:
    ledger = resumed(spec(tmp_path))
    ledger.ask("a")
    assert not ledger.report("a", {RUN_FINISHED: None})
    (trial,) = studies.trials(ledger.study)
    assert trial.state == TrialState.FAIL
    assert records.FAILURE.read(trial) == "it ended without an epoch"


def test_a_full_disk_while_an_overdue_trial_is_ended_ends_the_search(tmp_path: Path) -> None:
    """It is the search's error, as in a report, and not one of Ray's loop."""
    made = spec(tmp_path, trial_timeout=1.0)
    ledger = resumed(made)
    ledger.ask("a")
    capacity = Capacity(Resources(cpus=1, gpus=0, slots=1))
    search, relay = StudySearcher(ledger, capacity), Relay(single=True)
    search.started["a"] = -1e9
    relay.begin(search)
    overdue: Any = SimpleNamespace(
        trial_id="a", status="RUNNING", placement_group_factory=PlacementGroupFactory([{"CPU": 1}])
    )
    tune = SimpleNamespace(get_live_trials=lambda: [overdue], _actor_cache=_ObjectCache())
    with full_disk(made.folder / studies.JOURNAL):
        StudyScheduler(relay).choose_trial_to_run(tune)
    assert isinstance(ledger.write_error, OSError) and ledger.stopping


def test_a_trial_that_lost_its_worker_runs_again_where_the_space_is_exhausted(
    tmp_path: Path,
) -> None:
    """`majority` has one configuration."""
    ledger = resumed(spec(tmp_path, sampler="random", regime="majority", trials=100))
    count = next(number for number in range(100) if ledger.ask(str(number)) is None)
    assert count > 0 and ledger.all_trials_started
    ledger.ended("0", Fault.NODE)
    assert not ledger.all_trials_started
    again = ledger.ask("again")
    assert again is not None and again.number == 0
    assert ledger.ask("more") is None and ledger.all_trials_started


@pytest.fixture
def odd_space(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A space of llrd's that sets a field without suggesting it, with points; what is in the
    dictionary changes it."""
    shape: dict[str, Any] = {
        "constant": 64,
        "low": 1e-5,
        "points": [{"weight_decay": 0.05}, {"batch_size": 16, "dropout": 0.3}, {}],
    }

    class Odd:
        def __init__(self) -> None:
            self.POINTS = shape["points"]

        @staticmethod
        def space(trial: Any) -> dict[str, Any]:
            rate = trial.suggest_float("learning_rate", shape["low"], 1e-2, log=True)
            return {
                "learning_rate": rate,
                "dropout": trial.suggest_float("dropout", 0.0, 0.9),
                "batch_size": shape["constant"],
            }

    monkeypatch.setattr(spaces, "load", lambda name: Odd())
    return shape


def configs(ledger: Ledger, number: int) -> list[dict[str, Any]]:
    asked = [ledger.ask(f"x{place}") for place in range(number)]
    return [records.CONFIG.read(trial) for trial in asked if trial is not None]


def test_a_point_has_the_last_word_and_trial_0_is_the_papers(
    odd_space: dict[str, Any], tmp_path: Path
) -> None:
    """A point also sets what the space does not suggest, or sets otherwise; a duplicate of trial 0
    is not run again."""
    paper = trainables.load("llrd").Config().to_dict()
    ledger = resumed(spec(tmp_path, sampler="random"))
    first, second, third, random = configs(ledger, 4)
    assert first == paper and paper["batch_size"] != 64
    assert second == {**paper, "weight_decay": 0.05, "batch_size": 64}
    assert third == {**paper, "batch_size": 16, "dropout": 0.3}
    assert random["batch_size"] == 64 and random["learning_rate"] != paper["learning_rate"]
    assert [trial.number for trial in studies.trials(ledger.study)] == [0, 1, 2, 4]


def test_what_the_user_fixed_stands_in_points_too(
    odd_space: dict[str, Any], tmp_path: Path
) -> None:
    ledger = resumed(spec(tmp_path, fix={"dropout": 0.5, "batch_size": 32}))
    assert {(config["dropout"], config["batch_size"]) for config in configs(ledger, 3)} == {
        (0.5, 32)
    }
    assert all("dropout" not in trial.params for trial in studies.trials(ledger.study))


def test_a_point_that_waits_is_no_trial_yet(odd_space: dict[str, Any], tmp_path: Path) -> None:
    made = spec(tmp_path, trials=1)
    ledger = resumed(made)
    assert studies.trials(ledger.study) == [] and not ledger.all_trials_started
    ledger.ask("a")
    assert len(studies.trials(ledger.study)) == 1 and ledger.all_trials_started
    assert len(studies.trials(studies.read_study(made.folder))) == 1


def test_an_interrupted_trial_repeats_itself_though_the_space_has_changed(
    odd_space: dict[str, Any], tmp_path: Path
) -> None:
    made = spec(tmp_path, sampler="random")
    before = configs(resumed(made), 5)
    odd_space.update(constant=16, low=1e-3)
    ledger = resumed(made)
    after = configs(ledger, 6)
    assert after[:5] == before and after[5]["batch_size"] == 16


def test_a_journal_whose_points_have_parameters_only_goes_on(tmp_path: Path) -> None:
    """As an earlier version wrote it, a line an entry; its driver died while it asked the second
    point."""
    made = spec(tmp_path)
    storage = JournalStorage(JournalFileBackend(str(made.folder / studies.JOURNAL)))
    old = optuna.create_study(study_name=made.name, storage=storage, direction="maximize")
    points = [{}, *spaces.load("llrd").POINTS]
    for point in points:
        old.enqueue_trial(point_parameters(made, point))
    first = old.ask()
    first.set_user_attr(records.CONFIG.name, configuration(made, first))
    first.report(0.5, 1)
    old.ask().suggest_float("dropout", 0.0, 0.9, step=0.05)
    ledger = resumed(made)
    assert studies.trials(ledger.study) == []
    proposed = configs(ledger, len(points) + 1)
    assert proposed[0] == records.CONFIG.read(first)
    for config, point in zip(proposed[1:], points[1:]):
        assert {name: config[name] for name in point} == point
    assert ledger.report("x0", report(0, 1))
    assert [trial.number for trial in studies.trials(ledger.study)] == list(range(len(points) + 1))


@pytest.mark.soak
def test_hyperband_with_tpe_runs_on_ray(model_folder: Path, tmp_path: Path) -> None:
    """Two trials beyond those that tpe draws at random, whose brackets Optuna does not let anybody
    copy."""
    corpus = tiny.write_corpus(tmp_path / "corpus")
    budget = ["--trials", "12", "--epochs", "4", "--grace", "1", "--no-confirm", "--name", "s"]
    sources = ["--data", str(corpus), "--model", str(model_folder), "--results", str(tmp_path)]
    done = run(
        "search.run",
        "--regime",
        "baseline",
        "--sampler",
        "tpe",
        "--scheduler",
        "hyperband",
        *budget,
        *sources,
    )
    assert done.returncode == 0 and "Traceback" not in done.stdout + done.stderr, done.stderr
    states = [trial.state for trial in studies.trials(studies.read_study(tmp_path / "s"))]
    assert (
        len(states) == 12
        and set(states) <= {TrialState.COMPLETE, TrialState.PRUNED}
        and TrialState.PRUNED in states
    )
