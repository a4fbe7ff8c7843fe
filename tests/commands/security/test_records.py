"""A search and a final training with unusual names, in a shell, with secrets around.

They record no secret and no pickle, listen on loopback only, and print commands that work.
"""

import contextlib
import os
import pickletools
import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import mlflow
import psutil
import pytest
import yaml

from search.spec import SearchSpec
from search.terminal import next_commands
from search.terminal.console import HEADING_WIDTH
from search.tracking.store import EXPERIMENT
from tests import tiny
from tests.processes import ROOT, free_port, wait_for

pytestmark = pytest.mark.slow


MARKERS = {
    "HF_TOKEN": "hf_marker0token0marker",
    "MLFLOW_TRACKING_USERNAME": "marker0mlflow0user",
    "MLFLOW_TRACKING_PASSWORD": "marker0mlflow0password",
    "AWS_SECRET_ACCESS_KEY": "marker0aws0secret",
    "USER": "marker0user",
    "LOGNAME": "marker0user",
}


RESULTS = "the results; $(touch owned)"


@dataclass(frozen=True)
class Recorded:
    """What a search and a final training wrote, printed and listened on."""

    folder: Path
    """Where they ran."""
    uri: str
    home: Path
    outputs: list[str]
    addresses: list[set[str]]


def watch(command: str, folder: Path, env: dict[str, str]) -> tuple[str, set[str]]:
    """Run a command in a shell; return its output and the addresses on which it listened."""
    process = subprocess.Popen(
        ["bash", "-c", re.sub(r"^python ", f"exec {shlex.quote(sys.executable)} ", command)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    addresses: set[str] = set()
    deadline = time.monotonic() + 600
    while process.poll() is None:
        assert time.monotonic() < deadline
        addresses |= listening(process.pid)
        time.sleep(0.5)
    out, err = process.communicate()
    assert process.returncode == 0, f"{command}\n{err}"
    return out + err, addresses


def listening(pid: int) -> set[str]:
    """Addresses on which a process or one of its descendants accepts connections now."""
    addresses = set()
    with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        parent = psutil.Process(pid)
        for process in [parent, *parent.children(recursive=True)]:
            addresses |= {
                connection.laddr.ip.removeprefix("::ffff:")
                for connection in process.net_connections("tcp")
                if connection.status == psutil.CONN_LISTEN
            }
    return addresses


def printed(output: str) -> list[str]:
    """What a command prints to go on with, behind a word each."""
    return [line[2 + HEADING_WIDTH :] for line in output.partition("next:\n")[2].splitlines()]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Recorded:
    """A search by CMA-ES, and its printed commands to export, train and register the best
    configuration.

    Secrets are in their environment, the name of the results folder contains a command, and the
    store lies elsewhere, with a space in its name.
    """
    home, folder = tmp_path_factory.mktemp("home0marker"), tmp_path_factory.mktemp("recorded")
    tiny.write_corpus(folder / "the corpus")
    (folder / "the model").symlink_to(model_folder)
    env, uri = {**MARKERS, "HOME": str(home)}, f"sqlite:///{folder / 'the store.db'}"
    flags = "--regime baseline --trials 6 --epochs 2 --sampler cmaes --confirm 1x1"
    flags += " --max-concurrent 1 --report-seeds 1 --name marked"
    where = f"--results '{RESULTS}' --tracking-uri '{uri}'"
    search = f"python -m search.run {flags} --data 'the corpus' --model 'the model' {where}"
    searched = watch(search, folder, env)
    *_, exporting, training = printed(searched[0])
    assert "wrote best.yaml" in watch(exporting, folder, env)[0]
    trained = watch(f"{training} --register marked", folder, env)
    outputs, addresses = [searched[0], trained[0]], [searched[1], trained[1]]
    return Recorded(folder, uri, home, outputs, addresses)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_no_secret_no_home_and_no_user_is_in_any_record(recorded: Recorded) -> None:
    """Nor where the code lies, which is often in somebody's home.

    (Data, model and results are recorded as they were typed.)
    """
    written = files(recorded.folder)
    expected = {"study.journal", "trials.csv", "best.yaml", "the store.db", "scores.json"}
    expected |= {"MLmodel"}
    assert expected <= {path.name for path in written}
    secrets = {*MARKERS.values(), recorded.home.name, str(ROOT / "search")}
    leaks = [
        f"{path.relative_to(recorded.folder)} has {secret}"
        for path in written
        for secret in secrets
        if secret.encode() in path.read_bytes()
    ]
    assert leaks == []
    said = "".join(recorded.outputs)
    assert not [secret for secret in MARKERS.values() if secret in said]


def test_nothing_that_is_recorded_is_a_pickle(recorded: Recorded) -> None:
    written = files(recorded.folder)
    endings = {".pkl", ".pickle", ".joblib", ".bin", ".pt", ".pth", ".pyc"}
    assert [path for path in written if path.suffix in endings] == []
    assert [path for path in written if is_pickle(path.read_bytes())] == []
    assert "cma:" not in (recorded.folder / RESULTS / "marked" / "study.journal").read_text()
    (description,) = recorded.folder.rglob("MLmodel")
    flavor = yaml.safe_load(description.read_text())["flavors"]["python_function"]
    assert Path(flavor["model_code_path"]).name == "serving.py" and "python_model" not in flavor


def is_pickle(content: bytes) -> bool:
    try:
        return content[:1] == b"\x80" and bool(list(pickletools.genops(content)))
    except ValueError:
        return False


def test_search_and_training_listen_on_loopback_only(recorded: Recorded) -> None:
    for addresses in recorded.addresses:
        assert addresses and addresses <= {"127.0.0.1", "::1"}


def test_the_printed_commands_survive_a_shell(recorded: Recorded) -> None:
    """After a shell has split them, their words are the ones that were meant."""
    searched, trained = (
        [shlex.split(line) for line in printed(output)] for output in recorded.outputs
    )
    assert ["mlflow", "ui", "--backend-store-uri", recorded.uri] in searched
    exporting = ["python", "-m", "search.export", "marked", "--results", RESULTS]
    assert [*exporting, "--out", "best.yaml"] in searched
    training = ["python", "-m", "search.train", "best.yaml", "--seeds", "1", "--out", "model"]
    assert [*training, "--results", RESULTS, "--tracking-uri", recorded.uri] in searched
    assert ["python", "-m", "search.predict", "model", "wake me at seven"] in trained
    assert not (recorded.folder / "owned").exists()


def test_every_printed_command_works(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Results and store have other names; a model lands in the store of its search, and nowhere
    else. The fixture has run those to export and to train."""
    folder, results = recorded.folder, recorded.folder / RESULTS
    monkeypatch.chdir(folder)

    def run(command: str) -> str:
        _, _, module, *argv = shlex.split(command)
        assert import_module(module).main(argv) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    page, browse, address, exporting, training = printed(recorded.outputs[0])
    assert Path(page) == results / "marked" / "report.html" and Path(page).is_file()
    assert browse.startswith("mlflow ui ") and "viewStateShareKey=search-marked" in address
    table = (results / "marked" / "table.md").read_text()
    assert table.partition("```sh\n")[2].partition("\n```")[0] == f"{exporting}\n{training}"
    assert '"label"' in run(printed(recorded.outputs[1])[0])
    assert "wrote best.yaml" in run(exporting)
    spec = SearchSpec.from_dict(vars(SearchSpec.read(results / "marked")))
    assert spec.results == RESULTS
    assert "that were missing in MLflow" not in run(next_commands.sync(spec))
    assert "report.html" in run(next_commands.report(spec.folder))
    assert "nothing was run" in run(f"{next_commands.resume(spec)} --dry-run")
    client = mlflow.MlflowClient(tracking_uri=recorded.uri)
    runs = client.search_runs([client.get_experiment_by_name(EXPERIMENT).experiment_id])
    kinds = Counter(run.data.tags["regimen.kind"] for run in runs)
    once = ("search", "choice", "report", "final", "final-seed")
    assert kinds == {"floor": 3, "trial": 6} | dict.fromkeys(once, 1)
    assert not (folder / "results").exists() and not list(results.glob("mlflow.db"))


def test_the_printed_command_serves_the_records(recorded: Recorded) -> None:
    browse = printed(recorded.outputs[0])[1]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    port = free_port()
    server = subprocess.Popen(
        ["bash", "-c", f"exec {browse} --port {port} --workers 1"],
        cwd=recorded.folder,
        env={**os.environ, "PATH": path, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

    def answers() -> bool:
        assert server.poll() is None
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=30).close()
        except OSError:
            return False
        return True

    try:
        wait_for(answers, 180)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()
