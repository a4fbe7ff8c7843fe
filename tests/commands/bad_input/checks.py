"""What a refusal has to be: one readable line, exit code 2, and nothing written."""

import contextlib
import io
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

MAX_LETTERS = 1600
"""Letters of a refusal: it may list the valid choices, but not repeat an endless value."""

FIRST_LINES = ("data ", "labels ", "note ", "start ", "NOTE ")
"""How the lines begin that a search prints before it imports PyTorch."""

Hold = Callable[..., None]


def result(call: Callable[[], Any]) -> Any:
    """What a call returns, or None if it refuses its input by a ValueError of one line."""
    try:
        return call()
    except ValueError as error:
        assert type(error) is ValueError, f"{type(error).__name__} is not a refusal: {error}"
        check_line(str(error))
        return None


def check_line(message: str) -> None:
    assert message.strip() and message.isprintable() and len(message) <= MAX_LETTERS, repr(message)


def exit_code(main: Callable[[list[str]], int], argv: list[str]) -> int:
    """The exit code of a command, 0 or 2; with 2, stderr has one line and stdout none."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(argv)
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
    assert code in (0, 2), err.getvalue()
    if code == 2:
        check_refusal(out.getvalue(), err.getvalue())
    return code


def check_refusal(out: str, err: str) -> None:
    """A search may have read its data by then, and said so."""
    assert all(line.startswith(FIRST_LINES) for line in out.splitlines()), out
    assert err.startswith("error: ") and err.endswith("\n"), err
    check_line(err[:-1])


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A temporary folder."""
    with tempfile.TemporaryDirectory(prefix="bad") as path:
        yield Path(path)


def listing(path: Path) -> list[str]:
    """Everything in a folder, by relative path."""
    return sorted(str(item.relative_to(path)) for item in path.rglob("*"))
