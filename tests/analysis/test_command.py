"""How commands end: their exit codes, and errors on one line."""

import errno
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis import command
from tests.analysis.searches import summary, write_search


def raising(error: BaseException) -> Callable[[], int]:
    def work() -> int:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ValueError("two\nlines"), 2, "error: two\\nlines\n"),
        (OSError(errno.ENOSPC, "disk full"), 1, "error: [Errno 28] disk full\n"),
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(), 0, ""),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(
    capsys: pytest.CaptureFixture[str], error: BaseException, code: int, line: str
) -> None:
    assert command.exit_code(raising(error)) == code
    assert capsys.readouterr() == ("", line)


def test_a_long_error_loses_its_middle() -> None:
    line = command.refusal("a" * 5000 + "z")
    assert len(line) == len("error: ") + command.MAX_ERROR_LENGTH
    assert line.endswith("az") and "..." in line


def test_a_path_is_the_users_error_and_a_full_disk_is_not(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="Not a directory"), command.user_path(tmp_path):
        (tmp_path / "file" / "below").write_text("")
    with pytest.raises(OSError, match="disk full"), command.user_path(tmp_path):
        raise OSError(errno.ENOSPC, "disk full")


@pytest.mark.parametrize("module", ["analysis.report", "analysis.rungs"])
def test_a_reader_that_closes_the_pipe_is_no_error(tmp_path: Path, module: str) -> None:
    trials = [
        {"number": n, "state": "COMPLETE", "best_validation_accuracy": 0.5 + n / 10, "epochs": 3}
        for n in range(4)
    ]
    folder = write_search(tmp_path / "one", trials, summary())
    argv = [sys.executable, "-m", module, str(folder)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0
