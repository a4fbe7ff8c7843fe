"""A search and a final training record no secret and no pickle, and listen on loopback only."""

import contextlib
import os
import pickletools
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import yaml

from tests import tiny
from tests.processes import ROOT, Inputs

pytestmark = pytest.mark.slow


MARKERS = {
    "HF_TOKEN": "hf_marker0token0marker",
    "MLFLOW_TRACKING_USERNAME": "marker0mlflow0user",
    "MLFLOW_TRACKING_PASSWORD": "marker0mlflow0password",
    "AWS_SECRET_ACCESS_KEY": "marker0aws0secret",
    "USER": "marker0user",
    "LOGNAME": "marker0user",
}


@dataclass(frozen=True)
class Recorded:
    """What a search and a final training wrote, printed and listened on."""

    results: Path
    home: Path
    outputs: list[str]
    addresses: list[set[str]]


def watch(argv: list[str], env: dict[str, str]) -> tuple[str, set[str]]:
    """Run a command; return its output and the addresses on which its processes listened."""
    process = subprocess.Popen(
        [sys.executable, "-m", *argv],
        cwd=ROOT,
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    addresses: set[str] = set()
    deadline = time.monotonic() + 300
    while process.poll() is None:
        assert time.monotonic() < deadline
        addresses |= listening(process.pid)
        time.sleep(0.5)
    out, err = process.communicate()
    assert process.returncode == 0, err
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


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Recorded:
    """A search by CMA-ES and the training and registration of its best configuration.

    Secrets are in their environment, and the name of the results folder contains a command.
    """
    home = tmp_path_factory.mktemp("home0marker")
    folder = tmp_path_factory.mktemp("recorded")
    inputs = Inputs(
        folder / "a folder; $(touch owned)", tiny.write_corpus(folder / "corpus"), model_folder
    )
    env = {**MARKERS, "HOME": str(home)}
    flags = "--regime baseline --trials 6 --epochs 2 --sampler cmaes --confirm 1x1 --name marked"
    searched = watch(["search.run", *flags.split(), *inputs.sources], env)
    best, out = inputs.results / "marked" / "best.yaml", inputs.results / "model"
    flags = "--seeds 1 --register marked"
    paths = ["--out", str(out), "--results", str(inputs.results)]
    trained = watch(["search.train", str(best), *flags.split(), *paths], env)
    return Recorded(inputs.results, home, [searched[0], trained[0]], [searched[1], trained[1]])


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_no_secret_no_home_and_no_user_is_in_any_record(recorded: Recorded) -> None:
    """Nor where the code lies, which is often in somebody's home.

    (Data, model and results are recorded as they were typed.)
    """
    written = files(recorded.results)
    expected = {"study.journal", "trials.csv", "best.yaml", "mlflow.db", "scores.json", "MLmodel"}
    assert expected <= {path.name for path in written}
    secrets = {*MARKERS.values(), recorded.home.name, str(ROOT / "search")}
    leaks = [
        f"{path.relative_to(recorded.results)} has {secret}"
        for path in written
        for secret in secrets
        if secret.encode() in path.read_bytes()
    ]
    assert leaks == []
    printed = "".join(recorded.outputs)
    assert not [secret for secret in MARKERS.values() if secret in printed]


def test_nothing_that_is_recorded_is_a_pickle(recorded: Recorded) -> None:
    written = files(recorded.results)
    endings = {".pkl", ".pickle", ".joblib", ".bin", ".pt", ".pth", ".pyc"}
    assert [path for path in written if path.suffix in endings] == []
    assert [path for path in written if is_pickle(path.read_bytes())] == []
    assert "cma:" not in (recorded.results / "marked" / "study.journal").read_text()
    (description,) = recorded.results.rglob("MLmodel")
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
    commands = [
        shlex.split(line)
        for output in recorded.outputs
        for line in output.partition("next:\n")[2].splitlines()
        if line.startswith("  ")
    ]
    results = recorded.results
    assert ["mlflow", "ui", "--backend-store-uri", f"sqlite:///{results / 'mlflow.db'}"] in commands
    exporting = ["python", "-m", "search.export", "marked", "--results", str(results)]
    assert [*exporting, "--out", "best.yaml"] in commands
    predicting = ["python", "-m", "search.predict", str(results / "model"), "wake me at seven"]
    assert predicting in commands
