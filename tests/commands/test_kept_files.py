"""What a user keeps beside our files, under names like theirs, stays as it is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from analysis import report
from analysis.page.blocks import Drawing, Figures, Section
from search.outputs import tables as results
from search.study import study as studies
from search.study.journal import repair
from search.study.lock import alone
from search.tracking import sqlite_file


def test_a_lock_file_is_locked_and_not_emptied(tmp_path: Path) -> None:
    (tmp_path / ".lock").write_text("a user's")
    (tmp_path / ".store.db.lock").write_text("a user's")
    with alone(tmp_path):
        pass
    sqlite_file.make(
        tmp_path / "store.db", lambda uri: Path(uri.removeprefix("sqlite:///")).touch()
    )
    assert (tmp_path / ".lock").read_text() == "a user's"
    assert (tmp_path / ".store.db.lock").read_text().startswith("a user's")


def test_a_store_that_is_cut_short_is_removed_by_its_record_and_nothing_else_by_its_name(
    tmp_path: Path,
) -> None:
    users = [
        tmp_path / f".store.db.{name}"
        for name in ("backup.new", "backup.new.txt", f"{'0' * 32}.new")
    ]
    for path in users:
        path.write_text("x")

    def broken(uri: str) -> None:
        for end in ("", "-journal", "-wal"):
            Path(uri.removeprefix("sqlite:///") + end).touch()
        raise OSError("killed")

    for _ in range(2):
        with pytest.raises(OSError, match="killed"):
            sqlite_file.make(tmp_path / "store.db", broken)
    sqlite_file.make(
        tmp_path / "store.db", lambda uri: Path(uri.removeprefix("sqlite:///")).touch()
    )
    assert sorted(tmp_path.iterdir()) == sorted(
        [*users, tmp_path / "store.db", tmp_path / ".store.db.lock"]
    )
    assert all(path.read_text() == "x" for path in users)


@pytest.mark.parametrize("fails", [False, True])
def test_a_file_is_written_beside_without_taking_anothers_place(
    fails: bool, tmp_path: Path
) -> None:
    users = tmp_path / f".best.yaml.{os.getpid()}"
    users.write_text("x")
    if fails:
        (tmp_path / "best.yaml").mkdir()
        with pytest.raises(OSError):
            results.write(tmp_path / "best.yaml", "new")
    else:
        results.write(tmp_path / "best.yaml", "new")
        assert (tmp_path / "best.yaml").read_text() == "new"
    assert users.read_text() == "x" and len(list(tmp_path.iterdir())) == 2


def test_a_file_has_the_rights_that_the_user_gives_new_files(tmp_path: Path) -> None:
    write = (
        "import os, sys; from pathlib import Path; from search.atomic import write;"
        " os.umask(0o027); write(Path(sys.argv[1]), 'x')"
    )
    subprocess.run([sys.executable, "-c", write, str(tmp_path / "a")], check=True)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_what_is_no_journal_is_refused_and_stays(tmp_path: Path) -> None:
    path = tmp_path / studies.JOURNAL
    path.write_text("my notes\non this study")
    with pytest.raises(ValueError, match="no journal of a search") as refused:
        repair(path)
    assert "\n" not in str(refused.value) and path.read_text() == "my notes\non this study"


@pytest.mark.parametrize("torn", [b'{"op', b'{"op_code":0,"worker_id":"a', b"\0" * 700])
def test_a_journal_that_was_cut_in_its_first_line_begins_anew(torn: bytes, tmp_path: Path) -> None:
    path = tmp_path / studies.JOURNAL
    path.write_bytes(torn)
    repair(path)
    assert path.read_bytes() == b""


def test_a_report_removes_its_own_old_figures_alone(tmp_path: Path) -> None:
    drawing = Drawing("A curve", "", "<svg id='a'></svg>")
    report._write_figures(tmp_path, [Section("One", (Figures((drawing, drawing)),))])
    users = {"mine.svg": "<svg></svg>", "0-03-mine.svg": "<svg></svg>"}
    for name, text in users.items():
        (tmp_path / name).write_text(text)
    report._write_figures(tmp_path, [Section("One", (Figures((drawing,)),))])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "0-01-a-curve.svg",
        "0-03-mine.svg",
        "mine.svg",
    ]
