"""MLflow's server over PostgreSQL: slow, killed, away for a while, or back with an empty disk."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest

from search.polling import polling
from search.study import records
from search.study import study as studies
from search.tracking import store
from search.tracking.store import open_client
from search.tracking.tracker import Tracker
from tests import tiny
from tests.mlflow_server import MlflowServer
from tests.processes import ROOT, run, wait_for
from tests.search.tracking.logged_study import Search, check, everything, wanted
from tests.search.tracking.lossy import sync_despite_errors
from tests.search.tracking.postgres import Postgres
from tests.search.tracking.proxy import Proxy


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    database = Postgres(tmp_path_factory.mktemp("postgres"))
    yield database
    database.stop()


@pytest.fixture(scope="module")
def server(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """MLflow's server over PostgreSQL."""
    started = MlflowServer(tmp_path_factory.mktemp("server"), postgres.database("first"))
    start(started)
    yield started
    started.kill()


def start(server: MlflowServer, store: str | None = None) -> None:
    """Start a server, on another store if one is given, and wait until it answers."""
    server.store = store or server.store
    server.start()
    server.wait()


@pytest.mark.soak
def test_a_server_loses_answers_is_killed_and_comes_back_empty(
    search: Search, postgres: Postgres, server: MlflowServer
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
        sync_despite_errors(tracker, search.study, 25)
        proxy.loses = lambda number: False
        first = tracker.runs.nested["trial 0"]
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
            start(server)
            wait_for(lambda: tracker.up_to_date and tracker.runs.nested["trial 1"].epochs == 3)
        # It comes back on an empty disk.
        server.kill()
        start(server, postgres.database("second"))
        search.epochs(2)
        search.end(1, 2)
        search.win(2)
        sync_despite_errors(tracker, search.study, 2)
        assert search.finish(tracker) is None
        before = check(client, search.study)
        # Once more.
        done = run(
            "search.sync", "s", "--results", search.spec.results, "--tracking-uri", server.uri
        )
        assert (
            done.returncode == 0
            and "already has every epoch" in done.stdout
            and done.stdout.count("\n") == 1
        ), done.stderr
        assert everything(client) == before
        # It is away at the end.
        server.kill()
        began = time.monotonic()
        reason = search.finish(search_tracker(search, proxy.uri), within=20.0)
        assert reason and "\n" not in reason and time.monotonic() - began < 60
        start(server, postgres.database("third"))
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
    tmp_path: Path, postgres: Postgres, server: MlflowServer
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
            assert time.monotonic() - began < 20  # All requests would take a minute.
        assert search.finish(tracker, within=5.0) is not None
        assert time.monotonic() - began < 40
        time.sleep(2.5)
        proxy.delay = 0.0
        assert search.finish(search_tracker(search, proxy.uri)) is None
        client = open_client(server.uri)
        ours = client.search_runs(
            [client.get_experiment_by_name(store.EXPERIMENT).experiment_id],
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
                    name != "seconds" or len(history) == 3
                )
    finally:
        proxy.close()


@pytest.mark.soak
def test_a_search_whose_server_is_away_for_a_while(
    tmp_path: Path, model_folder: Path, postgres: Postgres
) -> None:
    """A real search: the server is killed in the middle of it and is back after its end;
    `search.sync` logs the rest."""
    server = MlflowServer(tmp_path / "server", postgres.database("real"))
    start(server)
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
        wait_for(lambda: journal.exists() and journal.read_text().count('"epoch:') >= 5, 300)
        server.kill()
        out, _ = process.communicate(timeout=600)
        assert (
            process.returncode == 0
            and "MLflow lacks some of this" in out
            and "Traceback" not in out
        ), out
        start(server)
        first = run("search.sync", "away", "--results", str(folder.parent))
        assert first.returncode == 0 and "that were missing in MLflow" in first.stdout, first.stderr
        client = mlflow.MlflowClient(tracking_uri=server.uri)
        before = check(client, studies.read_study(folder))
        assert (
            "already has every epoch"
            in run("search.sync", "away", "--results", str(folder.parent)).stdout
        )
        assert everything(client) == before
        (parent,) = [
            key for key, logged in before.items() if logged["tags"]["regimen.kind"] == "search"
        ]
        assert "recipe" in {item.path for item in client.list_artifacts(parent)}
        assert json.loads((folder / "summary.json").read_text())["confirmed_accuracy"]
    finally:
        process.kill()
        server.kill()
