"""Exit codes of the commands."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch

from search import export, predict, sync, train
from search.final.predictor import FIRST_BATCH
from tests.processes import ROOT
from tests.search.test_seeds import NEW, journal
from trainables.parts.data.tokens import Data
from trainables.parts.model.classifier import Classifier
from trainables.parts.model.head import Head
from trainables.parts.model.loading import load_tokenizer
from trainables.parts.model.pretrained import Pretrained

LIMITED = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
del sys.argv[0]
runpy.run_module(sys.argv[0], run_name="__main__")
"""
"""A command on a disk that takes files of 100 bytes, which is what Python tries when it starts, and
none that matters."""
# Measuring coverage writes a file, too large for such a disk.
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")},
    "PYTHONPATH": str(ROOT),
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
}


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory, pretrained: Pretrained, data: Data, model_folder: Path
) -> Path:
    """A folder with a search `s` in `results`, a `model`, and the spec.json of a search that its
    disk does not give back."""
    folder = tmp_path_factory.mktemp("commands")
    journal(folder / "results", reported=NEW)
    torch.manual_seed(0)
    Classifier.new(pretrained.build(), Head(), data.labels).save(
        folder / "model", load_tokenizer(str(model_folder))
    )
    (folder / "results" / "unreadable").mkdir()
    (folder / "results" / "unreadable" / "spec.json").symlink_to(
        "/proc/self/mem"
    )  # reading its first byte is EIO
    shutil.copytree(folder / "model", folder / "unreadable-model")
    (folder / "unreadable-model" / "config.json").unlink()
    (folder / "unreadable-model" / "config.json").symlink_to("/proc/self/mem")
    return folder


UNREADABLE: dict[str, tuple[Callable[[list[str]], int], list[str]]] = {
    "export": (export.main, ["unreadable"]),
    "sync": (sync.main, ["unreadable"]),
    "train": (train.main, ["/proc/self/mem"]),
    "predict": (predict.main, ["unreadable-model", "wake me"]),
}


@pytest.mark.parametrize("command", UNREADABLE)
def test_a_disk_that_gives_nothing_back_is_exit_code_1_and_one_line(
    place: Path, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    main, arguments = UNREADABLE[command]
    assert main(arguments) == 1
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("error: ") and said.err.count("\n") == 1


FULL: dict[str, list[str]] = {
    "export: a disk that takes nothing": ["-c", LIMITED, "search.export", "s", "--out", "new.yaml"],
    "export: a full disk behind > FILE": ["-m", "search.export", "s"],
    "report: a disk that takes nothing": ["-c", LIMITED, "analysis.report", "results/s"],
    "sync: a full disk behind > FILE": ["-m", "search.sync", "s"],
    "predict: a full disk behind > FILE": ["-m", "search.predict", "model", "wake me"],
}
FAST = 2
"""So many of these are no soak tests."""


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=pytest.mark.slow if number < FAST else pytest.mark.soak)
        for number, case in enumerate(FULL)
    ],
)
def test_a_full_disk_is_exit_code_1_and_one_line(place: Path, case: str) -> None:
    with open("/dev/full" if "> FILE" in case else os.devnull, "w") as out:
        command = [sys.executable, *FULL[case]]
        done = subprocess.run(
            command, cwd=place, env=ENVIRONMENT, stdout=out, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1


USERS: dict[str, tuple[Callable[[list[str]], int], list[str]]] = {
    "export: no such search": (export.main, ["nowhere"]),
    "export: a file where a folder should be": (
        export.main,
        ["s", "--out", "results/s/spec.json/best.yaml"],
    ),
    "sync: no such search": (sync.main, ["nowhere"]),
    "train: no such file": (train.main, ["nowhere.yaml"]),
    "train: a folder": (train.main, ["results"]),
    "predict: no such folder": (predict.main, ["nowhere", "wake me"]),
    "predict: nothing": (predict.main, ["model", ""]),
    "predict: a blank": (predict.main, ["model", "wake me", " "]),
}


@pytest.mark.parametrize("case", USERS)
def test_missing_input_is_exit_code_2_and_one_line(
    place: Path, case: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    main, argv = USERS[case]
    assert main(argv) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("error: ") and said.err.count("\n") == 1


@pytest.mark.slow
def test_an_interrupt_is_exit_code_130(place: Path) -> None:
    command = [sys.executable, "-m", "search.predict", "model"]
    pipe = subprocess.PIPE
    heard = partial(
        signal.signal, signal.SIGINT, signal.SIG_DFL
    )  # a shell's background jobs, as these tests may be one, ignore it
    with subprocess.Popen(
        command,
        cwd=place,
        env=ENVIRONMENT,
        preexec_fn=heard,
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        text=True,
    ) as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdin.write("wake me\n" * FIRST_BATCH)
        process.stdin.flush()
        assert '"label"' in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130 and "Traceback" not in process.stderr.read()


def test_a_path_that_ends_in_two_dots_is_invalid_input(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system reports it as busy."""
    monkeypatch.chdir(place)
    assert export.main(["s", "--out", "new/.."]) == 2
