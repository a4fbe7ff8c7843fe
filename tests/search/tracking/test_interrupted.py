"""Interrupted and killed searches in MLflow."""

import contextlib
from pathlib import Path

from search.study import records
from search.study import study as studies
from search.sync import sync
from search.tracking.store import connect, open_client
from search.tracking.tracker import Tracker
from search.worker_reports import (
    RUN_FAILED,
)
from tests.search.tracking.logged_study import Search, check, everything
from tests.search.tracking.lossy import Lossy


def test_an_interrupted_search_goes_on_under_the_same_runs(search: Search, sqlite: str) -> None:
    tracker = search.tracker(sqlite)
    search.epochs(0, 1, last=1)
    tracker.sync(search.study, within=60.0)
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
    search.ledger.report("2", {RUN_FAILED: "odd: \0 \ud800 " + "x" * 9000})
    tracker = search.tracker(sqlite)
    tracker.sync(search.study, within=60.0)
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
            range(dies % 7 + 2, 1000).__contains__,
            received=False,
        )
        with contextlib.suppress(ConnectionError):
            Tracker(client, search.spec, search.tags).sync(search.study)
    sync(search.spec.folder, sqlite)
    before = check(open_client(sqlite), search.study, "KILLED")
    assert "already has every epoch" in sync(search.spec.folder, sqlite)
    assert everything(open_client(sqlite)) == before
