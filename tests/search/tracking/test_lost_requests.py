"""Requests to MLflow, or their answers, are lost or late, or the store is gone for a while."""

import contextlib
import random
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from search.polling import polling
from search.study import records
from search.study import study as studies
from search.sync import sync
from search.tracking import recorder
from search.tracking.logged_run import LoggedRun
from search.tracking.store import connect, open_client
from search.tracking.tracker import Tracker
from tests.processes import ROOT
from tests.search.tracking.logged_study import Search, check
from tests.search.tracking.lossy import Lossy, sync_despite_errors


@pytest.mark.parametrize("received", [True, False])
def test_any_request_may_be_lost_or_its_answer(
    search: Search, sqlite: str, received: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two in five writes fail at random; the tracker tries again until MLflow has everything."""
    draw = random.Random(0)
    client = Lossy(
        connect(sqlite, search.spec.results), lambda number: draw.random() < 0.4, received
    )
    tracker = Tracker(client, search.spec, search.tags)
    search.epochs(0, 1, 2, last=2)
    for _ in range(20):
        with contextlib.suppress(ConnectionError):
            tracker.sync(search.study, within=60.0)
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
    tracker.sync(search.study, within=60.0)
    first = tracker.runs.nested["trial 0"]
    assert tracker.runs.search is not None
    for batch in range(2):
        tracker.recorder.epochs(
            first.id,
            records.epochs(studies.trials(search.study)[0]),
            after=batch,
            started=first.started,
        )
    LoggedRun.start(
        tracker.recorder,
        "late",
        "trial",
        first.started,
        {"regimen.trial": "0", "regimen.key": "trial 0"},
        tracker.runs.search.id,
    )
    LoggedRun.start(tracker.recorder, "late", "search", first.started, {})
    search.end(0)
    assert search.finish(tracker) is None
    check(open_client(sqlite), search.study)


@pytest.mark.slow
def test_the_store_is_removed_while_the_search_runs(
    search: Search, sqlite: str, fresh: Path
) -> None:
    """Once the file vanishes, once another one takes its place."""
    tracker = search.tracker(sqlite)
    path = Path(sqlite.removeprefix("sqlite:///"))
    search.epochs(0)
    search.end(0)
    tracker.sync(search.study, within=60.0)
    path.unlink()
    search.epochs(1)
    sync_despite_errors(tracker, search.study)
    path.unlink()
    shutil.copyfile(fresh, path)
    search.epochs(2)
    sync_despite_errors(tracker, search.study)
    search.end(1, 2)
    path.unlink()  # and with nothing new in the study
    assert search.finish(tracker) is None
    with_new_eyes = subprocess.run(
        [sys.executable, "-c", READ, sqlite], capture_output=True, text=True, cwd=ROOT
    )
    assert with_new_eyes.stdout.split() == ["4", "18"], with_new_eyes.stderr


READ = """
import sys, mlflow
client = mlflow.MlflowClient(tracking_uri=sys.argv[1])
runs = client.search_runs([client.get_experiment_by_name("regimen").experiment_id])
names = ("validation_accuracy", "seconds")
points = [point for run in runs for name in names if name in run.data.metrics
          for point in client.get_metric_history(run.info.run_id, name)]
print(len(runs), len(points))
"""


@pytest.mark.slow
def test_a_slow_store_holds_up_neither_a_sync_nor_the_end(search: Search, sqlite: str) -> None:
    """Half a second a request, and more than a hundred of them, 50 seconds: a sync and the end give
    up in time, and what is left is logged after."""
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
    assert time.monotonic() - began < 25
    began = time.monotonic()
    assert search.finish(tracker, within=3.0) == "it did not take everything within 3 s"
    assert time.monotonic() - began < 25
    time.sleep(1.5)  # what it had begun
    assert "that were missing in MLflow" in sync(search.spec.folder, sqlite)
    check(open_client(sqlite), search.study)


def test_a_tracker_is_made_without_a_request(search: Search) -> None:
    """The server may go away between the first words with it and the first trial."""
    search.all()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        uri = f"http://127.0.0.1:{listening.getsockname()[1]}"
        tracker = Tracker(open_client(uri), search.spec, search.tags)
        with pytest.raises(BlockingIOError):
            listening.accept()
    with polling(lambda: tracker.sync(search.study), every=0.01):
        time.sleep(0.2)
    began = time.monotonic()
    reason = search.finish(tracker, within=120.0)
    assert time.monotonic() - began < 60 and reason is not None and "127.0.0.1" in reason
