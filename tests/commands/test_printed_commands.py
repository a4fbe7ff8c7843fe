"""Exit codes of the commands, and the commands that they print, pasted into a shell."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path

import mlflow
import pytest
import torch

from search import export, predict, sync, train
from search.final.predictor import FIRST_BATCH
from search.spec import SearchSpec
from search.terminal import next_commands
from search.tracking.recorder import EXPERIMENT
from tests import tiny
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
ENVIRONMENT = {
    **os.environ,
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
    return folder


MACHINES: dict[str, list[str]] = {
    "export: a disk that gives nothing back": ["-m", "search.export", "unreadable"],
    "export: a disk that takes nothing": ["-c", LIMITED, "search.export", "s", "--out", "new.yaml"],
    "export: a full disk behind > FILE": ["-m", "search.export", "s"],
    "sync: a disk that gives nothing back": ["-m", "search.sync", "unreadable"],
    "sync: a full disk behind > FILE": ["-m", "search.sync", "s"],
    "predict: a full disk behind > FILE": ["-m", "search.predict", "model", "wake me"],
    "train: a disk that gives nothing back": ["-m", "search.train", "/proc/self/mem"],
    "report: a disk that takes nothing": ["-c", LIMITED, "analysis.report", "results/s"],
}


@pytest.mark.slow
@pytest.mark.parametrize("case", MACHINES)
def test_a_failing_machine_is_exit_code_1_and_one_line(place: Path, case: str) -> None:
    with open("/dev/full" if "> FILE" in case else os.devnull, "w") as out:
        command = [sys.executable, *MACHINES[case]]
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


# What is printed, pasted


def paste(command: str, folder: Path) -> str:
    """Run a printed command in a shell; returns its output."""
    command = re.sub(r"^python ", f"{sys.executable} ", command)
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    return done.stdout


@pytest.mark.slow
def test_every_printed_command_works_with_unusual_folders_and_stores(
    tmp_path: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Results and store have other names, with spaces; a model lands in the store of its search,
    and nowhere else."""
    here = tmp_path / "my work"
    tiny.write_corpus(here / "the corpus")
    monkeypatch.chdir(here)
    (here / "the model").symlink_to(model_folder)
    uri = f"sqlite:///{here / 'the store.db'}"
    budget = "--regime baseline --trials 1 --epochs 1 --confirm 1x1 --report-seeds 1 --name s"
    where = (
        f"--data 'the corpus' --model 'the model' --results 'the results' --tracking-uri '{uri}'"
    )
    said = paste(f"python -m search.run {budget} {where}", here)
    report, browse, page, exporting, training = [
        line.strip() for line in said.partition("next:\n")[2].splitlines()
    ]
    assert Path(report) == here / "the results" / "s" / "report.html" and Path(report).is_file()
    assert "viewStateShareKey=search-s" in page
    table = (here / "the results" / "s" / "table.md").read_text()
    assert table.partition("```sh\n")[2].partition("\n```")[0] == f"{exporting}\n{training}"
    assert "wrote best.yaml" in paste(exporting, here)
    trained = paste(training, here)
    assert '"label"' in paste(trained.partition("next:\n")[2].strip(), here)
    spec = SearchSpec.from_dict(vars(SearchSpec.read(here / "the results" / "s")))
    assert spec.results == "the results"
    assert "and has them now" not in paste(next_commands.sync(spec), here)
    assert "report.html" in paste(next_commands.report(spec.folder), here)
    assert "nothing was run" in paste(f"{next_commands.resume(spec)} --dry-run", here)
    client = mlflow.MlflowClient(tracking_uri=uri)
    runs = client.search_runs([client.get_experiment_by_name(EXPERIMENT).experiment_id])
    assert sorted(run.data.tags["regimen.kind"] for run in runs) == sorted(
        ["search", *["floor"] * 3, "trial", "choice", "report", "final", "final-seed"]
    )
    assert not list(here.glob("results")) and not list((here / "the results").glob("mlflow.db"))
    assert answers(browse, here)


def answers(command: str, folder: Path) -> bool:
    """Whether a command serves its pages; it is stopped afterwards."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    serve = ["bash", "-c", f"exec {command} --port {port} --workers 1"]
    server = subprocess.Popen(
        serve,
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and server.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
                    return bool(answer.status == 200)
            except OSError:
                time.sleep(0.5)
        return False
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def test_a_path_that_ends_in_two_dots_is_invalid_input(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system reports it as busy."""
    monkeypatch.chdir(place)
    assert export.main(["s", "--out", "new/.."]) == 2
