"""Odd names, mistyped commands and damaged files are refused in one line."""

import json
from pathlib import Path
from typing import Any

import pytest

from analysis import report, rungs
from analysis.text import visible
from search import export, run
from search.spec import SearchSpec
from tests.analysis.searches import summary, write_search

NAMES = [
    *("../outside", "..", ".", "a/b", "/etc", ".hidden", "a;b", "a'b", "x" * 81),
    *("a\nb", "name\n", "\x1b[31m", "a\0b"),
]


def check_refusal(printed: Any, begins: str = "error: ") -> None:
    """stdout has nothing, and stderr one line without control characters."""
    out, err = printed
    assert out == "" and err.count("\n") == 1 and err == visible(err) and len(err) < 500
    assert err.startswith(begins)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("command", ["export", "resume", "name"])
def test_an_invalid_name_of_a_search_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, name: str
) -> None:
    """Also if there is a search at the path that the name would lead to."""
    spec = SearchSpec(
        regime="untuned",
        data=str(tmp_path / "none"),
        model="minilm",
        name="outside",
        results=str(tmp_path),
    )
    spec.folder.mkdir()
    (spec.folder / "spec.json").write_text(spec.to_json())
    results = ["--results", str(tmp_path / "results")]
    new = ["--regime", "untuned", "--data", spec.data, "--model", "minilm", "--name", name]
    code = {
        "export": lambda: export.main([name, *results]),
        "resume": lambda: run.main(["--resume", name, *results]),
        "name": lambda: run.main([*new, *results]),
    }[command]()
    assert code == 2 and list(tmp_path.iterdir()) == [spec.folder]
    check_refusal(capsys.readouterr(), "error: name must be ")


@pytest.mark.parametrize("main", [report.main, rungs.main])
@pytest.mark.parametrize("argv", [["--no-such-flag"], ["one", "two"], ["one", "--o\nut\x1b[31m"]])
def test_a_mistyped_command_is_refused(
    main: Any, argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(argv)
    assert exit_.value.code == 2
    check_refusal(capsys.readouterr())


HEADER = "number,state,reason,best_validation_accuracy,epochs,seconds\n"


@pytest.mark.parametrize("main", [report.main, rungs.main])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("summary.json", '{"name": "on'),
        ("summary.json", json.dumps(summary()).replace("90.0", "9" * 400)),
        ("summary.json", "[" * 100_000),
        ("spec.json", '"\x1b[31m"'),
        ("trials.csv", HEADER + "1e25,FAIL,,,,\n"),
        ("trials.csv", HEADER + "-1,FAIL,,,,\n"),
        ("trials.csv", HEADER + "0,\x1b[31m,,,,\n"),
        ("epochs.csv", "trial,epoch\n0,1\n"),
        ("epochs.csv", "\0\0\0\0"),
    ],
)
def test_a_damaged_file_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], main: Any, name: str, text: str
) -> None:
    folder = write_search(tmp_path / "one", outcome=summary())
    (folder / name).write_text(text)
    assert main([str(folder)]) == 2
    printed = capsys.readouterr()
    check_refusal(printed)
    assert name in printed.err
