"""MLflow's SQLite file: complete or absent, whenever the process that creates it is killed."""

import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from search.tracking import sqlite_file
from search.tracking.store import EXPERIMENT, connect

MAKER = (
    "import sys; from search.tracking.store import connect;"
    " connect(f'sqlite:///{sys.argv[1]}/mlflow.db', sys.argv[1])"
)


def test_a_full_disk_is_the_machines_failure_and_leaves_no_half_store(tmp_path: Path) -> None:
    def small(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA max_page_count = 20")

    event.listen(Engine, "connect", small)
    try:
        with pytest.raises(OSError, match="disk is full"):
            connect(f"sqlite:///{tmp_path}/mlflow.db", str(tmp_path))
    finally:
        event.remove(Engine, "connect", small)
    assert [path.name for path in tmp_path.iterdir()] == [".mlflow.db.lock"]


def test_what_is_there_is_left_alone_and_what_was_cut_short_is_made_anew(tmp_path: Path) -> None:
    path, made = tmp_path / "store.db", list[str]()

    def broken(address: str) -> None:
        for name in (address, f"{address}-journal"):
            Path(name.removeprefix("sqlite:///")).write_text("half")
        raise OSError("killed")

    def whole(address: str) -> None:
        assert address not in made, "MLflow would take its open store for the new one"
        made.append(address)
        assert not list(tmp_path.glob("*.new*"))
        with sqlite3.connect(address.removeprefix("sqlite:///")) as database:
            database.execute("create table t (x)")

    with pytest.raises(OSError, match="killed"):
        sqlite_file.make(path, broken)
    assert not path.exists()
    for _ in range(2):
        sqlite_file.make(path, whole)
    assert len(made) == 1
    path.unlink()
    sqlite_file.make(path, whole)
    assert len(made) == 2 and sqlite3.connect(path).execute(
        "select count(*) from t"
    ).fetchone() == (0,)


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("sqlite:////a/b.db", Path("/a/b.db")),
        ("sqlite:///b.db?timeout=5", Path("b.db")),
        ("sqlite://", None),
        ("http://localhost:5000", None),
    ],
)
def test_the_file_of_an_address(uri: str, path: Path | None) -> None:
    assert sqlite_file.path_of(uri) == path


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_kill_while_mlflow_makes_its_tables_ruins_nothing(share: float, tmp_path: Path) -> None:
    """At that share of the half megabyte that the tables take."""
    process = subprocess.Popen([sys.executable, "-c", MAKER, str(tmp_path)])
    while (
        not (beside := [*tmp_path.glob(".mlflow.db.*.new")])
        or beside[0].stat().st_size < share * 500_000
    ):
        assert process.poll() is None, "it was quicker than this test"
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert beside[0].exists() and not (tmp_path / "mlflow.db").exists()
    client = connect(f"sqlite:///{tmp_path}/mlflow.db", str(tmp_path))
    assert client.get_experiment_by_name(EXPERIMENT) is not None
    assert sorted(path.name for path in tmp_path.iterdir()) == [".mlflow.db.lock", "mlflow.db"]
