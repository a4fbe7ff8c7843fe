"""The lock of a search: who waits for it, and what a refusal says."""

import os
import socket
import threading
from pathlib import Path

import pytest

from search.lock import locked
from search.study.lock import LOCK, require_not_running, search_lock


def test_a_search_starts_though_others_look_whether_it_runs(tmp_path: Path) -> None:
    taken, done = threading.Event(), threading.Event()

    def look() -> None:
        with locked(tmp_path / LOCK, wait=False):
            taken.set()
            done.wait(0.2)

    looking = threading.Thread(target=look)
    looking.start()
    taken.wait()
    with search_lock(tmp_path):
        assert (tmp_path / LOCK).read_text() == f"{os.getpid()} on {socket.gethostname()}"
    looking.join()


def test_a_look_leaves_the_name_of_the_process_that_searched(tmp_path: Path) -> None:
    require_not_running(tmp_path)
    assert not (tmp_path / LOCK).exists()
    (tmp_path / LOCK).write_text("12 on elsewhere")
    require_not_running(tmp_path)
    assert (tmp_path / LOCK).read_text() == "12 on elsewhere"
    with (
        locked(tmp_path / LOCK, wait=False),
        pytest.raises(ValueError, match=r"\(12 on elsewhere\)"),
    ):
        require_not_running(tmp_path)


def test_the_file_of_a_user_is_neither_changed_nor_shown(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text("a user's")
    with search_lock(tmp_path), pytest.raises(ValueError, match=r"in another process$"):
        require_not_running(tmp_path)
    assert (tmp_path / LOCK).read_text() == "a user's"
