"""Runs Regimen's commands as subprocesses."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests import tiny

ROOT = Path(__file__).parent.parent
PACKAGES = ("search", "trainables", "spaces", "analysis")
TRIALS, EPOCHS = 8, 4
TINY = [
    *["--regime", "llrd_warmup", "--trials", str(TRIALS), "--epochs", str(EPOCHS)],
    *["--confirm", "2x2", "--report-seeds", "3", "--name", "tiny"],
]
"""Flags of the finished search that tests share."""


def run(
    *argv: str, timeout: int = 600, stdin: str | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run `python -m` with these arguments and wait for it."""
    return subprocess.run(
        [sys.executable, "-m", *argv],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout,
        input=stdin,
        env={**os.environ, **env},
    )


def free_port() -> int:
    """A TCP port on loopback that nothing uses at the moment."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def wait_for(condition: Callable[[], bool], seconds: float = 300) -> None:
    """Wait until the condition holds, at most `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)


def copy_code(folder: Path) -> Path:
    """Copy Regimen's packages into `folder`, for a test that changes or freezes the code."""
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, folder / package, ignore=ignored, dirs_exist_ok=True)
    return folder


def search_folders(temporary: Path) -> list[str]:
    """Names of the temporary folders of searches."""
    return [path.name for path in temporary.glob("regimen-*") if path.name not in tiny.STRANGERS]


@dataclass(frozen=True)
class Inputs:
    """A corpus, a model and a folder for results."""

    results: Path
    corpus: Path
    model: Path

    @property
    def sources(self) -> list[str]:
        """Flags of a search on this corpus and model."""
        paths = {"--data": self.corpus, "--model": self.model, "--results": self.results}
        return [str(word) for flag in paths.items() for word in flag]

    @property
    def store(self) -> str:
        """The URI of the MLflow store of these results."""
        return f"sqlite:///{self.results / 'mlflow.db'}"


def write_inputs(folder: Path, model: Path) -> Inputs:
    """Write the toy corpus into `folder`."""
    return Inputs(folder / "results", tiny.write_corpus(folder / "corpus"), model)


@dataclass(frozen=True)
class Searched(Inputs):
    """A finished search named "tiny", with its standard output."""

    out: str
    started: float
    ended: float
    """When its process started and ended, in seconds since 1970."""

    @property
    def folder(self) -> Path:
        return self.results / "tiny"


def search_tiny(inputs: Inputs) -> str:
    """Search the toy corpus with a tiny model, from the first trial to the report.

    Returns its standard output.
    """
    done = run("search.run", *TINY, *inputs.sources)
    assert done.returncode == 0, done.stderr
    return done.stdout
