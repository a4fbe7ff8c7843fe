"""search.sync refuses in one line."""

import contextlib
import fcntl
from pathlib import Path

import pytest

from search.sync import main
from tests.search.tracking.logged_study import Search


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
        "none": "no search 'none'",
        "empty": "it holds none",
        "held": "is running",
        "damaged": "damaged",
        "unheard": "127.0.0.1:9",
    }[name]
    assert out == "" and err.startswith("error: ") and err.count("\n") == 1 and told in err
