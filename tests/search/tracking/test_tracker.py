"""MLflow as a projection of the study: slow, away for a while, or back with an empty disk, it has
everything at the end, once."""

import contextlib
import fcntl
import json
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import optuna
import pandas
import pytest

from analysis import paper
from search.outputs import tables as results
from search.polling import polling
from search.reports import (
    CPU_PERCENT,
    ENDED_AT,
    FAILED,
    FINISHED,
    GPU_MEMORY_MB,
    GPU_PERCENT,
    MEMORY_MB,
    STARTED_AT,
    SYSTEM_METRICS,
)
from search.study import records
from search.study import study as studies
from search.sync import main, sync
from search.tracking import recorder
from search.tracking import tracker as tracking
from search.tracking.identity import conclude, identify
from search.tracking.recorder import connect, open_client
from search.tracking.tracker import Tracker
from search.trials.ledger import Ledger
from tests import tiny
from tests.processes import ROOT, Searched, run
from tests.search.study.test_study import CORPUS, epoch, spec

TAGS = {"data": "toy", "data_fingerprint": "f00d", "data_rows": "3 train", "model_fingerprint": "m"}
NAMES = (*recorder.EPOCH_METRICS, "epoch")


def used(number: int, step: int) -> dict[str, float]:
    """What an epoch took: nothing is known of trial 0, as in a journal of an earlier version, and a
    card only of trial 2."""
    known = {0: (), 1: (CPU_PERCENT, MEMORY_MB), 2: SYSTEM_METRICS}.get(
        number, (CPU_PERCENT, MEMORY_MB)
    )
    return {name: 100.0 * number + step for name in known}


class Search:
    """A search without Ray: its trials and epochs are written as they are asked for."""

    def __init__(self, folder: Path, **values: Any) -> None:
        self.spec = spec(
            folder, **{"scheduler": "none", "sampler": "random", "trials": 3, "epochs": 3, **values}
        )
        (self.spec.folder / "spec.json").write_text(self.spec.to_json())
        self.study = studies.open_study(self.spec)
        self.ledger = Ledger(self.study, self.spec)
        self.tags = identify(self.study, TAGS)

    def epochs(self, *numbers: int, first: int = 1, last: int = 3) -> None:
        """Each of these trials, asked for where it is not there, reports epochs from `first` to
        `last`."""
        for step in range(first, last + 1):
            for number in numbers:
                if str(number) not in self.ledger.in_flight:
                    self.ledger.ask(str(number))
                self.ledger.report(
                    str(number), epoch(step, 0.1 * step + 0.01 * number) | used(number, step)
                )

    def end(self, *numbers: int) -> None:
        """These trials come to their end."""
        for number in numbers:
            self.ledger.report(str(number), {FINISHED: True})

    def win(self, number: int) -> None:
        """A trial, run on two choice seeds, wins and is tested."""
        runs = {
            str(seed): [
                epoch(step, 0.1 * step + 0.001 * seed) | used(seed, step) for step in (1, 2, 3)
            ]
            for seed in (1, 2)
        }
        self.study.set_user_attr(records.CHOICE_RUNS.name, {str(number): runs})
        self.study.set_user_attr(records.WINNER.name, number)
        scores = {
            seed: {
                "test_accuracy": 0.5,
                "test_loss": 1.0,
                "test_loss_paper": 1.1,
            }
            for seed in runs
        }
        self.study.set_user_attr(records.TEST_SCORES.name, {str(number): scores})

    def all(self) -> None:
        """Three trials of which the last wins."""
        self.epochs(0, 1, 2)
        self.end(0, 1, 2)
        self.win(2)

    def tracker(self, uri: str) -> Tracker:
        return Tracker(connect(uri, self.spec.results), self.spec, self.tags)

    def finish(
        self, tracker: Tracker, within: float = 60.0, interrupted: bool = False
    ) -> str | None:
        summary = results.write_results(self.study, self.spec, results.UNKNOWN_FACTS, CORPUS)
        (self.spec.folder / "table.md").write_text("| a table |\n")
        self.study.set_user_attr(records.ENDING.name, "INTERRUPTED" if interrupted else "DONE")
        return tracker.finish_within(
            within, self.study, summary, "| a table |\n", interrupted=interrupted
        )


def points(found: list[dict[str, Any]]) -> list[tuple[str, int, float]]:
    """What MLflow has to have of these epochs."""
    return sorted(
        (name, one["epoch"], float(one[name]))
        for one in found
        for name in NAMES
        if one.get(name) is not None
    )


def wanted(study: optuna.Study) -> dict[str, list[tuple[str, int, float]]]:
    """What MLflow has to have of a study: the points of each run, by its key."""
    every = {
        f"trial {trial.number}": points(records.epochs(trial))
        for trial in tracking.logged_trials(study)
    }
    for kind in (records.CHOICE_RUNS.name, records.REPORT_RUNS.name):
        for number, seeds in study.user_attrs.get(kind, {}).items():
            every |= {f"trial {number} seed {seed}": points(found) for seed, found in seeds.items()}
    return every


def everything(client: Any) -> dict[str, dict[str, Any]]:
    """All that MLflow has, by run."""
    found = {}
    for name in (recorder.EXPERIMENT, recorder.PAPER_EXPERIMENT):
        for one in client.search_runs(
            [client.get_experiment_by_name(name).experiment_id], max_results=1000
        ):
            history = [
                (metric.key, metric.step, metric.value, metric.timestamp)
                for key in one.data.metrics
                for metric in client.get_metric_history(one.info.run_id, key)
            ]
            info = {
                name: getattr(one.info, name)
                for name in ("status", "start_time", "end_time", "run_name", "lifecycle_stage")
            }
            sets = [
                (used.dataset.name, used.dataset.digest, used.tags[0].value)
                for used in one.inputs.dataset_inputs
            ]
            found[one.info.run_id] = {
                "info": info,
                "tags": one.data.tags,
                "params": one.data.params,
                "history": sorted(history),
                "data": sets,
            }
    return found


def check(client: Any, study: optuna.Study, status: str = "FINISHED") -> dict[str, dict[str, Any]]:
    """MLflow has the study, each run and each point once, and nothing runs.

    Returns all that it has.
    """
    found = everything(client)
    ours = [one for one in found.values() if "regimen.id" in one["tags"]]
    (parent,) = [one for one in ours if one["tags"]["regimen.kind"] == "search"]
    assert parent["info"]["status"] == status
    assert parent["data"] == [
        (parent["tags"]["data"], parent["tags"]["data_fingerprint"], "training")
    ]
    keys = [one["tags"]["regimen.key"] for one in ours if one is not parent]
    assert len(keys) == len(set(keys))
    has = {
        one["tags"]["regimen.key"]: [
            (name, step, value) for name, step, value, _ in one["history"] if name in NAMES
        ]
        for one in ours
        if one is not parent
    }
    assert has == wanted(study)
    for one in ours:
        steps = [(name, step) for name, step, _, _ in one["history"]]
        assert len(steps) == len(set(steps)), "a point is there twice"
    assert "RUNNING" not in {one["info"]["status"] for one in found.values()}
    rows = [
        one["tags"]["regimen.regime"]
        for one in found.values()
        if one["tags"]["regimen.kind"] == "paper"
    ]
    assert len(rows) == len(set(rows)) == len(paper.TABLE_7)
    return found


@pytest.fixture
def search(tmp_path: Path) -> Search:
    return Search(tmp_path / "results")


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store in a file: MLflow takes seconds to make one."""
    path = tmp_path_factory.mktemp("fresh") / "mlflow.db"
    open_client(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite(fresh: Path, search: Search) -> str:
    path = Path(search.spec.results) / "mlflow.db"
    shutil.copyfile(fresh, path)
    return f"sqlite:///{path}"


class Lossy:
    """A client whose answers can be lost: the store has what was sent, the caller gets an error.

    Counts what is written.
    """

    WRITES = (
        "create_run",
        "log_batch",
        "set_terminated",
        "update_run",
        "log_artifact",
        "set_tag",
        "delete_run",
        "create_experiment",
    )

    def __init__(
        self,
        client: Any,
        loses: Callable[[int], bool] = lambda number: False,
        received: bool = True,
    ) -> None:
        self.client, self.loses, self.received = client, loses, received
        self.written: list[str] = []

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.client, name)
        if name not in self.WRITES:
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            self.written.append(name)
            lost = self.loses(len(self.written))
            answer = value(*args, **kwargs) if self.received or not lost else None
            if lost:
                raise ConnectionError("the answer was lost")
            return answer

        return call


def test_everything_is_there_once_and_once_more_changes_nothing(
    search: Search, sqlite: str
) -> None:
    tracker = search.tracker(sqlite)
    for last in (1, 2, 3):
        search.epochs(0, 1, first=last, last=last)
        tracker.sync(search.study)
    search.end(0, 1)
    tracker.sync(search.study)
    search.epochs(2)
    search.end(2)
    search.win(2)
    assert search.finish(tracker) is None
    client = open_client(sqlite)
    before = check(client, search.study)
    again = Lossy(client)
    other = Tracker(again, search.spec, search.tags)
    assert search.finish(other) is None
    assert everything(client) == before
    assert again.written == []
    choice = [one for one in before.values() if one["tags"]["regimen.kind"] == "choice"]
    assert len(choice) == 2 and all(
        "test_accuracy" in {name for name, *_ in one["history"]} for one in choice
    )


def test_what_an_epoch_took_is_a_system_metric_at_its_step_where_it_is_known(
    search: Search, sqlite: str
) -> None:
    search.all()
    assert search.finish(search.tracker(sqlite)) is None
    found = {
        one["tags"].get("regimen.key"): one["history"]
        for one in check(open_client(sqlite), search.study).values()
    }
    has = {
        key: [point[:3] for point in history if point[0].startswith("system/")]
        for key, history in found.items()
    }
    assert has["trial 0"] == []
    assert (
        has["trial 1"]
        == has["trial 2 seed 1"]
        == [(name, step, 100.0 + step) for name in (CPU_PERCENT, MEMORY_MB) for step in (1, 2, 3)]
    )
    assert {name for name, *_ in has["trial 2"]} == {
        CPU_PERCENT,
        MEMORY_MB,
        GPU_PERCENT,
        GPU_MEMORY_MB,
    } and len(has["trial 2"]) == 4 * 3
    rows = pandas.read_csv(search.spec.folder / "epochs.csv").set_index(
        ["trial", "kind", "seed", "epoch"]
    )
    assert (
        list(rows[CPU_PERCENT].loc[:, "search", :, 3].fillna(-1)) == [-1, 103, 203]
        and rows[MEMORY_MB].loc[2, "choice", 2, 3] == 203
    )
    assert (
        rows[GPU_PERCENT].count() == rows[GPU_MEMORY_MB].count() == 3 + 3
    )  # of trial 2, and of its seed 2


def timed(began: float, *ended: float) -> list[dict[str, Any]]:
    """A run's epochs with their times."""
    return [
        epoch(step, 0.1 * step) | {STARTED_AT: began, ENDED_AT: end}
        for step, end in enumerate(ended, 1)
    ]


def test_runs_begin_and_end_when_they_did(search: Search, sqlite: str, fresh: Path) -> None:
    """A search of two processes, an hour apart: a trial that was interrupted after an epoch, and
    two runs on other seeds long after it. Whatever MLflow lost, it has the same times again."""
    now = time.time()
    search.ledger.ask("0")
    search.ledger.report("0", timed(now - 7200, now - 7150)[0])
    studies.interrupt(search.study)
    search.study.set_user_attr(records.FIRST_STARTED.name, now - 7260)
    again = Search(Path(search.spec.results))  # as another process
    assert again.study.user_attrs[records.FIRST_STARTED.name] == now - 7260
    again.ledger.ask("0")
    for one in timed(now - 100, now - 60, now - 50, now - 40):
        again.ledger.report("0", one)
    again.end(0)
    closed = again.study.get_trials(deepcopy=False)[0].datetime_complete
    assert closed is not None
    again.study.set_user_attr(
        records.CHOICE_RUNS.name, {"0": {"1": timed(now + 5, now + 17, now + 19)}}
    )
    again.study.set_user_attr(
        records.REPORT_RUNS.name, {"0": {"1000": timed(now + 20, now + 31, now + 32)}}
    )
    again.study.set_user_attr(records.WINNER.name, 0)
    conclude(again.study, "DONE")
    again.study.set_user_attr(records.LAST_ENDED.name, now + 40)
    expected = {
        None: (now - 7260, now + 40, []),
        "trial 0": (now - 7200, closed.timestamp(), [now - 7150, now - 50, now - 40]),
        "trial 0 seed 1": (now + 5, now + 19, [now + 17, now + 19]),
        "trial 0 seed 1000": (now + 20, now + 32, [now + 31, now + 32]),
    }
    path = Path(sqlite.removeprefix("sqlite:///"))
    for _ in range(2):
        assert again.finish(again.tracker(sqlite)) is None
        found = {
            one["tags"].get("regimen.key"): one
            for one in check(open_client(sqlite), again.study).values()
            if "regimen.id" in one["tags"]
        }
        for key, (began, ended, epochs) in expected.items():
            info = found[key]["info"]
            assert (info["start_time"] / 1000, info["end_time"] / 1000) == pytest.approx(
                (began, ended), abs=0.002
            ), key
            at = sorted(
                stamp / 1000 for name, _, _, stamp in found[key]["history"] if name == "epoch"
            )
            assert at == pytest.approx(epochs, abs=0.002), key
        path.unlink()
        shutil.copyfile(fresh, path)
    rows = results.trial_rows(again.study)
    assert rows[0]["seconds"] == pytest.approx(
        50 + 60, abs=0.01
    )  # not the hour between the processes


@pytest.mark.parametrize("received", [True, False])
def test_any_request_may_be_lost_or_its_answer(
    search: Search, sqlite: str, received: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the writes two in five fail at random: looks go on until the end, as many as it takes."""
    draw = random.Random(0)
    client = Lossy(
        connect(sqlite, search.spec.results), lambda number: draw.random() < 0.4, received
    )
    tracker = Tracker(client, search.spec, search.tags)
    search.epochs(0, 1, 2, last=2)
    for _ in range(20):
        with contextlib.suppress(ConnectionError):
            tracker.sync(search.study)
    search.epochs(0, 1, 2, first=3)
    search.end(0, 1, 2)
    search.win(2)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    for _ in range(60):
        if search.finish(tracker) is None:
            break
    check(open_client(sqlite), search.study)


def test_a_batch_that_is_received_late_is_there_once(search: Search, sqlite: str) -> None:
    """The server commits a request after the tracker has read what is there: it sends the same
    again, and a run is made twice."""
    tracker = search.tracker(sqlite)
    search.epochs(0)
    tracker.sync(search.study)
    first = tracker.runs["trial 0"]
    for batch in range(2):
        tracker.recorder.epochs(
            first.id,
            records.epochs(studies.trials(search.study)[0]),
            after=batch,
            started=first.started,
        )
    tracker._start(
        "late",
        "trial",
        first.started,
        {"regimen.trial": "0", "regimen.key": "trial 0"},
        tracker.parent.id,
    )  # type: ignore[union-attr]
    tracker._start("late", "search", first.started, {})
    search.end(0)
    assert search.finish(tracker) is None
    check(open_client(sqlite), search.study)


def test_an_interrupted_search_goes_on_under_the_same_runs(search: Search, sqlite: str) -> None:
    tracker = search.tracker(sqlite)
    search.epochs(0, 1, last=1)
    tracker.sync(search.study)
    search.epochs(0, 1, first=2, last=2)
    studies.interrupt(search.study)
    assert search.finish(tracker, interrupted=True) is None
    before = everything(open_client(sqlite))
    check(open_client(sqlite), search.study, "KILLED")
    search = Search(Path(search.spec.results))  # as another process
    again = search.tracker(sqlite)
    search.epochs(0, 1, last=2)
    again.sync(search.study)
    running = [
        one
        for one in everything(open_client(sqlite)).values()
        if one["info"]["status"] == "RUNNING"
    ]
    assert len(running) == 3
    search.epochs(0, 1, first=3)
    search.end(0, 1)
    assert search.finish(again) is None
    assert set(check(open_client(sqlite), search.study)) == set(before)


def test_a_killed_search_is_told_from_one_that_ended(search: Search, sqlite: str) -> None:
    """Killed during its choice runs: all trials ended, and the runs are closed as
    interrupted; a reason may hold anything."""
    search.epochs(0, 1, 2)
    search.end(0, 1)
    search.ledger.report("2", {FAILED: "odd: \0 \ud800 " + "x" * 9000})
    tracker = search.tracker(sqlite)
    tracker.sync(search.study)
    sync(search.spec.folder, sqlite)
    check(open_client(sqlite), search.study, "KILLED")
    search.study.set_user_attr(records.ENDING.name, "DONE")
    sync(search.spec.folder, sqlite)
    check(open_client(sqlite), search.study)


def test_what_a_killed_process_left_is_completed(search: Search, sqlite: str) -> None:
    """Killed within the end of a trial, before each of its requests: no farewell, another process
    goes on."""
    search.all()
    for dies in range(1, 60):
        client = Lossy(
            connect(sqlite, search.spec.results),
            lambda number, dies=dies: number >= dies % 7 + 2,
            received=False,
        )
        with contextlib.suppress(ConnectionError):
            Tracker(client, search.spec, search.tags).sync(search.study)
    sync(search.spec.folder, sqlite)
    before = check(open_client(sqlite), search.study, "KILLED")
    assert "lacked no epoch" in sync(search.spec.folder, sqlite)
    assert everything(open_client(sqlite)) == before


@pytest.mark.slow
def test_the_store_is_removed_while_the_search_runs(
    search: Search, sqlite: str, fresh: Path
) -> None:
    """Once the file vanishes, once another one takes its place."""
    tracker = search.tracker(sqlite)
    path = Path(sqlite.removeprefix("sqlite:///"))
    search.epochs(0)
    search.end(0)
    tracker.sync(search.study)
    path.unlink()
    search.epochs(1)
    looks(tracker, search.study)
    path.unlink()
    shutil.copyfile(fresh, path)
    search.epochs(2)
    looks(tracker, search.study)
    search.end(1, 2)
    path.unlink()  # and with nothing new in the study
    assert search.finish(tracker) is None
    with_new_eyes = subprocess.run(
        [sys.executable, "-c", READ, sqlite], capture_output=True, text=True, cwd=ROOT
    )
    assert with_new_eyes.stdout.split() == ["4", "27"], with_new_eyes.stderr


READ = """
import sys, mlflow
client = mlflow.MlflowClient(tracking_uri=sys.argv[1])
runs = client.search_runs([client.get_experiment_by_name("regimen").experiment_id])
names = ("epoch", "validation_accuracy", "seconds")
points = [point for run in runs for name in names if name in run.data.metrics
          for point in client.get_metric_history(run.info.run_id, name)]
print(len(runs), len(points))
"""


def looks(tracker: Tracker, study: optuna.Study, times: int = 3) -> None:
    """A few looks, as the following thread has them."""
    for _ in range(times):
        with contextlib.suppress(Exception):
            tracker.sync(study)


@pytest.mark.slow
def test_a_slow_store_holds_up_neither_a_look_nor_the_end(search: Search, sqlite: str) -> None:
    """Half a second a request, and more than a hundred of them: a look and the end give up in time,
    and what is left is logged after."""
    for number in range(20):
        search.epochs(number)
        search.end(number)

    def late(_: int) -> bool:
        time.sleep(0.5)
        return False

    tracker = Tracker(Lossy(connect(sqlite, search.spec.results), late), search.spec, search.tags)
    began = time.monotonic()
    with pytest.raises(recorder.OutOfTime):
        tracker.sync(search.study, within=2.0)
    assert time.monotonic() - began < 4
    began = time.monotonic()
    assert search.finish(tracker, within=3.0) == "it did not take everything within 3 s"
    assert time.monotonic() - began < 4
    time.sleep(1.5)  # what it had begun
    assert "and has them now" in sync(search.spec.folder, sqlite)
    check(open_client(sqlite), search.study)


def test_a_tracker_is_made_without_a_request(search: Search) -> None:
    """The server may go away between the first words with it and the first trial."""
    search.all()
    began = time.monotonic()
    tracker = Tracker(open_client("http://127.0.0.1:9"), search.spec, search.tags)
    assert time.monotonic() - began < 1
    with polling(lambda: tracker.sync(search.study), every=0.01):
        time.sleep(0.2)
    reason = search.finish(tracker, within=30.0)
    assert time.monotonic() - began < 15 and reason is not None and "127.0.0.1" in reason


@pytest.mark.parametrize("name", ["none", "empty", "held", "damaged", "unheard"])
def test_sync_refuses_in_one_line(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / name
    argv = [name, "--results", str(tmp_path), "--tracking-uri", "http://127.0.0.1:9"]
    if name != "none":
        folder.mkdir()
    if name in ("held", "unheard"):
        Search(tmp_path, name=name)
    if name == "damaged":
        (folder / "spec.json").write_text("{")
    with (folder / ".lock").open("w") if name == "held" else contextlib.nullcontext() as lock:
        if lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
        assert main(argv) == 2
    out, err = capsys.readouterr()
    told = {
        "none": "spec.json",
        "empty": "spec.json",
        "held": "is running",
        "damaged": "damaged",
        "unheard": "127.0.0.1:9",
    }[name]
    assert out == "" and err.startswith("error: ") and err.count("\n") == 1 and told in err


# With a server


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)


class Postgres:
    """A PostgreSQL of our own on a free loopback port, as a user who is not root."""

    def __init__(self, folder: Path) -> None:
        bins = [
            str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
        ]
        where = os.pathsep.join([*bins, os.environ.get("PATH", "")])
        self.initdb, self.postgres = (
            shutil.which("initdb", path=where),
            shutil.which("postgres", path=where),
        )
        if not self.initdb or not self.postgres:
            pytest.skip("needs PostgreSQL's initdb and postgres, which are not on this machine")
        pytest.importorskip("psycopg2")
        self.folder, self.port, self.user = folder, free_port(), None
        if os.getuid() == 0:  # postgres refuses to run as root
            names = {entry.pw_name for entry in pwd.getpwall()}
            self.user = next((name for name in ("postgres", "nobody") if name in names), None)
            if self.user is None:
                pytest.skip(
                    "postgres refuses to run as root, and there is no user 'postgres' or 'nobody'"
                )
            shutil.chown(folder, self.user)
            for above in folder.parents:  # pytest's own folders let nobody else through
                if (
                    above.owner() == "root"
                    and above.is_relative_to("/tmp")
                    and above != Path("/tmp")
                ):
                    above.chmod(above.stat().st_mode | 0o011)
        self._run(
            self.initdb,
            "-D",
            str(folder / "data"),
            "-U",
            "regimen",
            "-E",
            "UTF8",
            "--auth=trust",
            "--no-sync",
        )
        listens = [
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            f"port={self.port}",
            "-c",
            "unix_socket_directories=",
            "-c",
            "fsync=off",
        ]
        self.process = subprocess.Popen(
            [self.postgres, "-D", str(folder / "data"), *listens],
            user=self.user,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(self._answers)

    def _run(self, *argv: str) -> None:
        done = subprocess.run(
            argv,
            user=self.user,
            cwd=self.folder,
            capture_output=True,
            text=True,
            env={**os.environ, "LC_ALL": "C"},
        )
        assert done.returncode == 0, done.stderr

    def _connect(self) -> Any:
        import psycopg2

        connection = psycopg2.connect(
            host="127.0.0.1", port=self.port, user="regimen", dbname="postgres"
        )
        connection.autocommit = True
        return connection

    def _answers(self) -> bool:
        import psycopg2

        try:
            self._connect().close()
        except psycopg2.OperationalError:
            return False
        return True

    def database(self, name: str) -> str:
        """The address of a new, empty database."""
        connection = self._connect()
        connection.cursor().execute(f"CREATE DATABASE {name}")
        connection.close()
        return f"postgresql+psycopg2://regimen@127.0.0.1:{self.port}/{name}"

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait()


class Server:
    """`mlflow server` on a port of its own, which can be killed and started again."""

    def __init__(self, store: str, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.port, self.folder = free_port(), folder
        self.process: subprocess.Popen[bytes] | None = None
        self.uri = f"http://127.0.0.1:{self.port}"
        self.start(store)

    def start(self, store: str) -> None:
        serve = [
            "mlflow",
            "server",
            "--host",
            "127.0.0.1",
            "--port",
            str(self.port),
            "--workers",
            "1",
            "--backend-store-uri",
            store,
        ]
        serve += ["--artifacts-destination", str(self.folder / "artifacts")]
        self.store = store
        with (self.folder / "server.log").open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *serve], stdout=log, stderr=log, start_new_session=True
            )
        wait_for(self._answers, 120)

    def _answers(self) -> bool:
        assert self.process is not None and self.process.poll() is None, (
            self.folder / "server.log"
        ).read_text()
        try:
            urllib.request.urlopen(f"{self.uri}/health", timeout=2).close()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        if self.process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process = None


class Proxy:
    """Passes bytes to a server.

    The first `lost` answers to a POST are thrown away; each answer is `delay` seconds late.
    """

    def __init__(self, port: int) -> None:
        self.port, self.delay = port, 0.0
        self.loses: Callable[[int], bool] = lambda number: False
        self.posts = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.uri = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        """One connection: a request goes on whole, then its answer, or nothing."""
        with (
            contextlib.suppress(OSError),
            near,
            socket.create_connection(("127.0.0.1", self.port)) as far,
        ):
            while (request := _message(near)) is not None:
                far.sendall(request)
                answer = _message(far)
                time.sleep(self.delay)
                if request.startswith(b"POST"):
                    self.posts += 1
                    if self.loses(self.posts):
                        return
                if answer is None:
                    return
                near.sendall(answer)

    def close(self) -> None:
        self.listener.close()


def _message(sock: socket.socket) -> bytes | None:
    """One HTTP message with its body, or None where the other end is gone."""
    received = b""
    while b"\r\n\r\n" not in received:
        if not (more := sock.recv(65536)):
            return None
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [
        line.split(b":")[1]
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    ]
    chunked = b"transfer-encoding: chunked" in head.lower()
    while len(body) < int(lengths[0]) if lengths else chunked and not body.endswith(b"0\r\n\r\n"):
        if not (more := sock.recv(65536)):
            return None
        body += more
    return head + b"\r\n\r\n" + body


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    found = Postgres(tmp_path_factory.mktemp("postgres"))
    yield found
    found.stop()


@pytest.fixture(scope="module")
def server(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """MLflow's server over PostgreSQL."""
    found = Server(postgres.database("first"), tmp_path_factory.mktemp("server"))
    yield found
    found.kill()


@pytest.mark.soak
def test_a_server_loses_answers_is_killed_and_comes_back_empty(
    search: Search, postgres: Postgres, server: Server
) -> None:
    """One search through all of it, by a server over PostgreSQL: a test of its own for each would
    start as many servers."""
    proxy = Proxy(server.port)
    client = open_client(server.uri)
    try:
        tracker = search.tracker(proxy.uri)
        # Answers are lost.
        proxy.loses = lambda number: number % 2 == 0
        search.epochs(0, 1, last=2)
        looks(tracker, search.study, 25)
        proxy.loses = lambda number: False
        first = tracker.runs["trial 0"]
        tracker.recorder.epochs(
            first.id, records.epochs(studies.trials(search.study)[0]), started=first.started
        )  # again, all of it
        assert search.finish(tracker, interrupted=True) is None
        check(client, search.study, "KILLED")
        # It is killed while epochs are written, and comes back.
        tracker = search.tracker(proxy.uri)
        with polling(lambda: tracker.sync(search.study), every=0.05):
            server.kill()
            search.epochs(0, 1, first=3)
            search.end(0)
            time.sleep(0.5)
            server.start(server.store)
            wait_for(lambda: tracker.up_to_date and tracker.runs["trial 1"].epochs == 3)
        # It comes back on an empty disk.
        server.kill()
        server.start(postgres.database("second"))
        search.epochs(2)
        search.end(1, 2)
        search.win(2)
        looks(tracker, search.study, 2)
        assert search.finish(tracker) is None
        before = check(client, search.study)
        # Once more.
        done = run(
            "search.sync", "s", "--results", search.spec.results, "--tracking-uri", server.uri
        )
        assert (
            done.returncode == 0
            and "lacked no epoch" in done.stdout
            and done.stdout.count("\n") == 1
        ), done.stderr
        assert everything(client) == before
        # It is away at the end.
        server.kill()
        began = time.monotonic()
        reason = search.finish(search_tracker(search, proxy.uri), within=20.0)
        assert reason and "\n" not in reason and time.monotonic() - began < 20
        server.start(postgres.database("third"))
        assert (
            run(
                "search.sync", "s", "--results", search.spec.results, "--tracking-uri", server.uri
            ).returncode
            == 0
        )
        check(client, search.study)
    finally:
        proxy.close()


def search_tracker(search: Search, uri: str) -> Tracker:
    """A tracker whose server need not answer yet."""
    return Tracker(open_client(uri), search.spec, search.tags)


@pytest.mark.slow
def test_a_slow_server_gets_everything_in_the_end(
    tmp_path: Path, postgres: Postgres, server: Server
) -> None:
    """Answers two seconds late: the epochs are written at their own pace, and the end keeps to its
    bound."""
    search = Search(tmp_path / "results", name="slow")
    proxy = Proxy(server.port)
    try:
        tracker = search_tracker(search, proxy.uri)
        proxy.delay = 2.0
        began = time.monotonic()
        with polling(lambda: tracker.sync(search.study, within=1.0), every=0.05):
            search.all()
            assert time.monotonic() - began < 3
        assert search.finish(tracker, within=5.0) is not None
        assert time.monotonic() - began < 20
        time.sleep(2.5)
        proxy.delay = 0.0
        assert search.finish(search_tracker(search, proxy.uri)) is None
        client = open_client(server.uri)
        ours = client.search_runs(
            [client.get_experiment_by_name(recorder.EXPERIMENT).experiment_id],
            "tags.`regimen.search` = 'slow'",
        )
        keys = sorted(one.data.tags.get("regimen.key", "") for one in ours)
        assert keys == ["", *sorted(wanted(search.study))] and {
            one.info.status for one in ours
        } == {"FINISHED"}
        for one in ours:
            for name in one.data.metrics:
                history = client.get_metric_history(one.info.run_id, name)
                assert len({point.step for point in history}) == len(history) and (
                    name != "epoch" or len(history) == 3
                )
    finally:
        proxy.close()


@pytest.mark.soak
def test_a_search_whose_server_is_away_for_a_while(
    tmp_path: Path, model_folder: Path, postgres: Postgres
) -> None:
    """A real search: the server is killed in the middle of it and is back after its end;
    `search.sync` logs the rest."""
    store = postgres.database("real")
    server = Server(store, tmp_path / "server")
    folder = tmp_path / "results" / "away"
    sources = [
        "--data",
        str(tiny.write_corpus(tmp_path / "corpus")),
        "--model",
        str(model_folder),
        "--results",
        str(folder.parent),
    ]
    argv = [
        "--regime",
        "baseline",
        "--trials",
        "6",
        "--epochs",
        "12",
        "--confirm",
        "1x2",
        "--name",
        "away",
        "--tracking-uri",
        server.uri,
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "search.run", *argv, *sources],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        journal = folder / studies.JOURNAL
        wait_for(lambda: journal.exists() and journal.read_text().count('"epoch:') >= 5, 120)
        server.kill()
        out, _ = process.communicate(timeout=300)
        assert (
            process.returncode == 0
            and "MLflow lacks some of this" in out
            and "Traceback" not in out
        ), out
        server.start(store)
        first = run("search.sync", "away", "--results", str(folder.parent))
        assert first.returncode == 0 and "has them now" in first.stdout, first.stderr
        client = mlflow.MlflowClient(tracking_uri=server.uri)
        before = check(client, studies.read_study(folder))
        assert (
            "lacked no epoch" in run("search.sync", "away", "--results", str(folder.parent)).stdout
        )
        assert everything(client) == before
        (parent,) = [
            one for one, found in before.items() if found["tags"]["regimen.kind"] == "search"
        ]
        assert "best.yaml" in {item.path for item in client.list_artifacts(parent)}
        assert json.loads((folder / "summary.json").read_text())["confirmed_accuracy"]
    finally:
        process.kill()
        server.kill()


@pytest.mark.slow
def test_a_real_searchs_times_are_those_of_the_clock(searched: Searched) -> None:
    """Every run lies within its search, a run on another seed after its trial's end, and a run's
    time covers its epochs' own."""
    client = open_client(f"sqlite:///{searched.results / 'mlflow.db'}")
    found = {
        one["tags"].get("regimen.key"): one
        for one in check(client, studies.read_study(searched.folder)).values()
        if "regimen.id" in one["tags"]
    }
    times = {
        key: (one["info"]["start_time"] / 1000, one["info"]["end_time"] / 1000)
        for key, one in found.items()
    }
    began, ended = times[None]
    assert searched.started < began < ended < searched.ended
    summary = json.loads((searched.folder / "summary.json").read_text())
    assert ended - began == pytest.approx(summary["seconds"], abs=0.5)
    assert all(began - 0.01 <= first <= last <= ended + 0.01 for first, last in times.values())
    again = [key for key in times if key and "seed" in key]
    assert len(again) == 2 * 2 + 3
    assert all(times[key][0] >= times[key.partition(" seed")[0]][1] for key in again)
    epochs = pandas.read_csv(searched.folder / "epochs.csv")
    trials = pandas.read_csv(searched.folder / "trials.csv").set_index("number")
    own = epochs[epochs["kind"] == "search"].groupby("trial")["seconds"].sum()
    for number, seconds in trials["seconds"].items():
        first, last = times[f"trial {number}"]
        assert own[number] < seconds <= last - first + 0.01


def test_of_two_runs_with_one_key_the_one_that_a_user_wrote_on_stays(
    search: Search, sqlite: str
) -> None:
    """The other one, which a request that was received twice has made, goes; MLflow has what it
    needs once."""
    search.all()
    tracker = search.tracker(sqlite)
    tracker.sync(search.study)
    twice = {"regimen.trial": "0", "regimen.key": "trial 0"}
    assert tracker.parent is not None
    made = [
        tracker._start(
            "late", "trial", tracker.runs["trial 0"].started, twice, tracker.parent.id
        ).id
        for _ in range(2)
    ]
    client = open_client(sqlite)
    client.set_tag(made[0], "mlflow.note.content", "keep this one")
    assert search.finish(tracker) is None
    assert client.get_run(made[0]).info.lifecycle_stage == "active"
    assert client.get_run(made[1]).info.lifecycle_stage == "deleted"
    client.delete_run(made[0])
    check(client, search.study)


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://me:s3cret%21word@127.0.0.1:1/mlflow",
        "http://me:s3cret%21word@127.0.0.1:1",
        "unknown://me:s3cret%21word@host",
    ],
)
def test_a_store_that_does_not_answer_is_named_without_its_password(
    uri: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="MLflow cannot record at") as refused:
        recorder.connect(uri, str(tmp_path))
    assert "s3cret" not in str(refused.value) and "me:***@" in str(refused.value)
