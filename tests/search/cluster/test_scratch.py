"""Temporary folders: what a killed search left is removed, and nothing that is not provably its
own."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest

from search.cluster import scratch
from search.cluster.scratch import LOCK, MARK, temporary_folder


@pytest.fixture
def temp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's folder for temporary files, as far as the code under test knows."""
    folder = tmp_path / "temp"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture(scope="module")
def dead() -> tuple[int, float]:
    """A process that is over: its id and when it started."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        started = psutil.Process(process.pid).create_time()
    return process.pid, started


def aged(folder: Path) -> Path:
    """As old as what nobody has touched for an hour."""
    os.utime(folder, (time.time() - 3600, time.time() - 3600), follow_symlinks=False)
    return folder


def abandoned(
    parent: Path, owner: tuple[int, float], name: str = "regimen-dead0000", **other: Any
) -> Path:
    """What a killed search leaves: a folder of ours with Ray's files in it."""
    folder = parent / name
    (folder / "session").mkdir(parents=True)
    (folder / "session" / "raylet.log").write_text("log")
    told = {
        "folder": str(folder),
        "host": os.uname().nodename,
        "pid": owner[0],
        "started": owner[1],
        **other,
    }
    (folder / LOCK).write_text(json.dumps(told))
    return aged(folder)


def test_the_folder_is_removed_with_its_context(temp: Path) -> None:
    with temporary_folder() as folder, temporary_folder() as other:
        (folder / "a" / "b").mkdir(parents=True)
        assert folder.parent == temp and folder != other and other.is_dir()
        with temporary_folder():
            assert folder.is_dir() and other.is_dir(), "their owner lives"
    assert list(temp.iterdir()) == []


def test_leftovers_of_a_killed_process_are_removed_even_if_its_pid_is_reused(
    temp: Path, dead: tuple[int, float]
) -> None:
    abandoned(temp, dead)
    abandoned(temp, (os.getpid(), psutil.Process().create_time() - 1000), "regimen-reused_0")
    with temporary_folder() as folder:
        assert list(temp.iterdir()) == [folder]


KILLED = """
import os, signal
from search.cluster.scratch import temporary_folder
with temporary_folder() as folder:
    (folder / "session").mkdir()
    print(folder, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_next_command_recognises_what_a_killed_one_left(temp: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED],
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(temp)},
    )
    assert [str(path) for path in temp.iterdir()] == [done.stdout.strip()], done.stderr
    with temporary_folder() as folder:
        assert list(temp.iterdir()) == [folder]


def users(temp: Path, dead: tuple[int, float], name: str) -> Path:
    """A folder with a user's file in it."""
    (temp / name).mkdir()
    (temp / name / "thesis.txt").write_text("x")
    return aged(temp / name)


def of_an_earlier_version(temp: Path, dead: tuple[int, float]) -> Path:
    folder = users(temp, dead, "regimen-abcdefgh")
    (folder / LOCK).touch()
    return aged(folder)


def copied(temp: Path, dead: tuple[int, float]) -> Path:
    """By a user who wanted to keep Ray's logs."""
    return aged(shutil.copytree(abandoned(temp, dead), temp / "regimen-copy0000"))


def linked(temp: Path, dead: tuple[int, float]) -> Path:
    elsewhere = abandoned(temp.parent, dead, "regimen-elsewher")
    (temp / "regimen-linked00").symlink_to(elsewhere)
    return aged(temp / "regimen-linked00")


def linked_and_told_of(temp: Path, dead: tuple[int, float]) -> Path:
    """The link says that it is the folder that it leads to."""
    elsewhere = abandoned(
        temp.parent, dead, "regimen-elsewher", folder=str(temp / "regimen-linked00")
    )
    (temp / "regimen-linked00").symlink_to(elsewhere)
    return aged(temp / "regimen-linked00")


def with_a_linked_lock(temp: Path, dead: tuple[int, float]) -> Path:
    folder = abandoned(temp, dead, "regimen-linklock")
    (folder / LOCK).rename(temp.parent / "lock")
    (folder / LOCK).symlink_to(temp.parent / "lock")
    return aged(folder)


def with_a_pipe_for_a_lock(temp: Path, dead: tuple[int, float]) -> Path:
    folder = users(temp, dead, "regimen-pipe0000")
    os.mkfifo(folder / LOCK)
    return aged(folder)


def another_users(temp: Path, dead: tuple[int, float]) -> Path:
    folder = abandoned(temp, dead)
    if os.getuid() != 0:
        pytest.skip("needs root, to give a folder away")
    os.chown(folder, 12345, 12345)
    return folder


STRANGERS: dict[str, Callable[[Path, tuple[int, float]], Path]] = {
    "a user's folder": lambda temp, dead: users(temp, dead, "regimen-results-of-a-user"),
    "a user's folder with a name like ours": lambda temp, dead: users(
        temp, dead, "regimen-abcdefgh"
    ),
    "a user's folder with a lock like ours": of_an_earlier_version,
    "another name": lambda temp, dead: abandoned(temp, dead, "regimen-backup-of-dead"),
    "a copy": copied,
    "a link": linked,
    "a link that is told of": linked_and_told_of,
    "a lock that is a link": with_a_linked_lock,
    "a lock that is a pipe": with_a_pipe_for_a_lock,
    "another user's": another_users,
    "of another machine": lambda temp, dead: abandoned(temp, dead, host="elsewhere"),
    "its owner lives": lambda temp, dead: abandoned(
        temp, (os.getpid(), psutil.Process().create_time())
    ),
    "a lock that says something else": lambda temp, dead: abandoned(temp, dead, pid="x"),
    "a lock that says more": lambda temp, dead: abandoned(temp, dead, more=1),
}


@pytest.mark.parametrize("stranger", STRANGERS)
def test_nothing_is_removed_that_is_not_provably_ours(
    stranger: str, temp: Path, dead: tuple[int, float]
) -> None:
    made = STRANGERS[stranger](temp, dead)
    before = {path.relative_to(temp) for path in made.rglob("*")}
    with temporary_folder():
        pass
    assert (
        made.is_dir() and before and {path.relative_to(temp) for path in made.rglob("*")} == before
    )


def test_a_folder_with_a_held_lock_stays(temp: Path, dead: tuple[int, float]) -> None:
    """By a process that this one may not see: of another container that has the same folder for
    temporary files."""
    hold = (
        "import fcntl, sys, time; f = open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_EX); print(1,"
        " flush=True); time.sleep(60)"
    )
    folder = abandoned(temp, dead)
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(folder / LOCK)], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        holder.stdout.readline()
        with temporary_folder():
            assert folder.is_dir()
        holder.kill()
    with temporary_folder():
        assert not folder.is_dir()


def test_a_file_with_the_name_of_a_folder_stays(temp: Path) -> None:
    (temp / "regimen-file0000").write_text("x")
    with temporary_folder():
        pass
    assert (temp / "regimen-file0000").read_text() == "x"


# Processes


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Callable[..., psutil.Process]]:
    """A way to start one that sleeps, under a name, with a variable for the folder that it uses,
    and with a file open."""
    with ExitStack() as stack:

        def start(
            name: str = "sleeper",
            marked: str | None = None,
            opened: Path | None = None,
            mode: str = "a",
        ) -> psutil.Process:
            program = tmp_path / name
            if not program.exists():
                shutil.copy(shutil.which("bash") or pytest.skip("needs bash"), program)
            environment = {**os.environ, **({MARK: marked} if marked else {})}
            to = f"exec 3{'>>' if mode == 'a' else '<'}'{opened}'; " if opened else ""
            process = stack.enter_context(
                subprocess.Popen(
                    [str(program), "-c", f"{to}echo; read -t 60 <> <(:); :"],
                    env=environment,
                    stdout=subprocess.PIPE,
                )
            )
            stack.callback(process.kill)
            assert process.stdout
            process.stdout.readline()
            return psutil.Process(process.pid)

        yield start


def alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_only_the_processes_of_a_folder_are_killed_with_it(
    temp: Path, dead: tuple[int, float], processes: Callable[..., psutil.Process]
) -> None:
    folder = abandoned(temp, dead)
    log, other = folder / "session" / "raylet.log", temp / f"{folder.name}2" / "raylet.log"
    other.parent.mkdir()
    other.touch()
    ends = [processes(marked=str(folder)), processes("ray::worker", opened=log)]
    stays = [
        processes(),
        processes(marked=f"{folder}2"),
        processes(marked=str(temp / "regimen-another0")),
        processes("tail", opened=log, mode="r"),
        processes("ray::reader", opened=log, mode="r"),
        processes("ray::other", opened=other),
    ]
    with temporary_folder():
        assert not any(map(alive, ends))
    assert all(map(alive, stays))


def test_a_process_older_than_the_folders_owner_is_not_killed(
    temp: Path, dead: tuple[int, float], processes: Callable[..., psutil.Process]
) -> None:
    older = processes(marked=str(temp / "regimen-dead0000"))
    folder = abandoned(temp, (dead[0], time.time() + 10))
    with temporary_folder():
        assert not folder.exists()
    assert alive(older)


def test_a_process_that_the_user_starts_later_is_not_marked(
    temp: Path, processes: Callable[..., psutil.Process]
) -> None:
    with temporary_folder() as folder:
        with scratch.marked(folder):
            assert os.environ[MARK] == str(folder)
            of_the_folder = processes()
        assert MARK not in os.environ
        users = processes()
    assert not alive(of_the_folder) and alive(users)
