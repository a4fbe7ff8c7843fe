"""Files of a user's beside ours, with similar names, stay unchanged."""

import os
from pathlib import Path

import pytest

from analysis.page import files
from analysis.page.blocks import Drawing, Figures, Section
from search.outputs import tables as results
from search.study import study as studies
from search.study.journal import repair
from search.study.lock import search_lock
from search.tracking import sqlite_file


def test_a_lock_file_is_locked_and_not_emptied(tmp_path: Path) -> None:
    (tmp_path / ".lock").write_text("a user's")
    (tmp_path / ".store.db.lock").write_text("a user's")
    with search_lock(tmp_path):
        pass
    sqlite_file.make(
        tmp_path / "store.db", lambda uri: Path(uri.removeprefix("sqlite:///")).touch()
    )
    assert (tmp_path / ".lock").read_text() == "a user's"
    assert (tmp_path / ".store.db.lock").read_text().startswith("a user's")


def test_only_our_own_incomplete_stores_are_removed(
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
def test_writing_a_file_replaces_no_other(fails: bool, tmp_path: Path) -> None:
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


def test_a_file_has_the_permissions_of_the_users_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        results.write(tmp_path / "a", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_a_file_that_is_not_a_journal_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / studies.JOURNAL
    path.write_text("my notes\non this study")
    with pytest.raises(ValueError, match="no journal of a search") as refused:
        repair(path)
    assert "\n" not in str(refused.value) and path.read_text() == "my notes\non this study"


@pytest.mark.parametrize("torn", [b'{"op', b'{"op_code":0,"worker_id":"a', b"\0" * 700])
def test_a_journal_cut_in_its_first_line_is_emptied(torn: bytes, tmp_path: Path) -> None:
    path = tmp_path / studies.JOURNAL
    path.write_bytes(torn)
    repair(path)
    assert path.read_bytes() == b""


def test_a_report_removes_only_its_own_old_figures(tmp_path: Path) -> None:
    drawing = Drawing("A curve", "", "<svg id='a'></svg>")
    files.write_figures(tmp_path, [Section("One", (Figures((drawing, drawing)),))])
    copy = (tmp_path / "0-01-a-curve.svg").read_text()
    users = {"mine.svg": "<svg></svg>", "0-03-mine.svg": "<svg></svg>", "thesis.svg": copy}
    for name, text in users.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "0-04-linked.svg").symlink_to("thesis.svg")
    files.write_figures(tmp_path, [Section("One", (Figures((drawing,)),))])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "0-01-a-curve.svg",
        "0-03-mine.svg",
        "0-04-linked.svg",
        "mine.svg",
        "thesis.svg",
    ]
