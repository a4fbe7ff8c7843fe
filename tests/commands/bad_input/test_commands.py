"""Commands refuse bad input in one line with exit code 2, and write nothing."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from tests.commands.bad_input.checks import check_refusal, exit_code, listing
from tests.commands.bad_input.strategies import YAMLS
from tests.processes import ROOT

SEARCH = ["search.run", "--regime", "baseline"]
REFUSED: dict[str, list[str]] = {
    "a value with line breaks": ["search.run", "--regime", "a\nb\r\nc"],
    "an unknown flag": ["search.run", "--none\nsuch", "x"],
    "an endless number": [*SEARCH, "--trials", "9" * 5000],
    "data that is a device": [*SEARCH, "--data", "/dev/zero"],
    "data whose name is a broken byte": [*SEARCH, "--data", "\udcff"],
    "the home of an unknown user": [*SEARCH, "--results", "~nobody-of-that-name/x"],
    "a path that is too long": [*SEARCH, "--results", "x/" * 3000 + "y" * 300],
    "a search outside the results": ["search.run", "--resume", "../../etc"],
    "YAML with Python in it": ["search.train", "evil.yaml"],
    "an export that is a device": ["search.train", "/dev/zero"],
    "a search that does not exist": ["search.export", "gone\nsearch"],
    "a model whose labels fill the memory": ["search.predict", "model", "hello"],
    "such a model in a search": [*SEARCH, "--model", "model"],
}
IN_NEW_PROCESSES = [
    "data that is a device",
    "data whose name is a broken byte",
    "YAML with Python in it",
    "a search that does not exist",
    "a model whose labels fill the memory",
]
"""At least one case of every command, where Ray and the libraries could print lines as well."""


@pytest.fixture
def place(tmp_path: Path, trained: Path) -> Path:
    """A working folder with a YAML file and a model that must not be loaded."""
    (tmp_path / "evil.yaml").write_text(YAMLS[0])
    shutil.copytree(trained, tmp_path / "model")
    config = tmp_path / "model" / "config.json"
    values = json.loads(config.read_text())
    del values["id2label"], values["label2id"]
    config.write_text(json.dumps(values | {"num_labels": 10**9}))
    return tmp_path


def complete(argv: list[str]) -> list[str]:
    """The arguments, with data, model and results for a search that does not name them."""
    if argv[0] != "search.run":
        return argv
    given = {"--data": "embedded", "--model": "minilm", "--results": "results"}
    return argv + [word for flag in given.items() if flag[0] not in argv for word in flag]


@pytest.mark.parametrize("case", REFUSED)
def test_a_command_refuses_bad_input(case: str, place: Path) -> None:
    """In this process, and a search without Ray: `--dry-run` checks the same."""
    module, *argv = complete(REFUSED[case])
    argv += ["--dry-run"] if module == "search.run" else []
    before = listing(place)
    with contextlib.chdir(place):
        assert exit_code(import_module(module).main, argv) == 2
    assert listing(place) == before


@pytest.mark.slow
@pytest.mark.parametrize("case", IN_NEW_PROCESSES)
def test_a_new_process_refuses_bad_input(case: str, place: Path) -> None:
    before = listing(place)
    done = subprocess.run(
        [sys.executable, "-m", *complete(REFUSED[case])],
        cwd=place,
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 2, done.stderr
    check_refusal(done.stdout, done.stderr)
    assert listing(place) == before
