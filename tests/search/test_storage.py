"""Where results may be kept: on a disk that outlives the command, with locks and renames."""

import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from search.run import main
from search.storage import RAY_JOB, require_storage

FLAGS = ["--regime", "baseline", "--data", "embedded", "--model", "minilm"]


def test_a_folder_of_this_machine_is_kept_as_it_was(tmp_path: Path) -> None:
    require_storage(str(tmp_path))
    require_storage(str(tmp_path / "not" / "there" / "yet"))
    assert list(tmp_path.iterdir()) == []


def fails(code: int) -> Callable[..., Any]:
    def call(*_: Any, **__: Any) -> None:
        raise OSError(code, os.strerror(code))

    return call


@pytest.mark.parametrize(
    ("name", "call", "said"),
    [
        ("flock", fails(errno.ENOLCK), "cannot lock files (No locks available)"),
        ("flock", lambda *_: None, "lets two processes lock the same file"),
        ("symlink", fails(errno.EPERM), "has no symbolic links (Operation not permitted)"),
        ("rename", fails(errno.ENOSYS), "cannot rename files (Function not implemented)"),
        ("truncate", fails(errno.EINVAL), "cannot truncate files (Invalid argument)"),
    ],
)
def test_storage_that_lacks_an_operation_is_refused_with_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    call: Callable[..., Any],
    said: str,
) -> None:
    """The system calls answer as those of mounted object stores do, which need rights to mount."""
    for module in (fcntl, os):
        for each in {"rename": ("rename", "replace")}.get(name, (name,)):
            if hasattr(module, each):
                monkeypatch.setattr(module, each, call)
    assert main([*FLAGS, "--results", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error == (
        "error: --results must be on a POSIX file system, local or shared; got"
        f" '{tmp_path}', which {said}\n"
    )


def test_a_full_disk_is_no_matter_of_its_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", fails(errno.ENOSPC))
    require_storage(str(tmp_path))


@pytest.mark.parametrize("results", [[], ["--results", "here"], ["--results", "./a/b"]])
def test_a_relative_folder_is_refused_in_a_ray_job(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], results: list[str]
) -> None:
    monkeypatch.setenv(RAY_JOB, '{"runtime_env": {}, "metadata": {}}')
    assert main([*FLAGS, *results]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: --results must be an absolute path in a Ray job, ")
    assert error.endswith(f"; got '{(results or ['', 'results'])[1]}'\n")


def test_an_absolute_folder_is_taken_in_a_ray_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RAY_JOB, "{}")
    monkeypatch.setenv("HOME", str(tmp_path))
    require_storage(str(tmp_path))
    require_storage("~/results")
