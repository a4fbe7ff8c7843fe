"""Regimen's commands in processes of their own, and a finished search to look at."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests import tiny

ROOT = Path(__file__).parent.parent
TRIALS, EPOCHS = 8, 4


def run(
    *argv: str, timeout: int = 300, stdin: str | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    """A command of Regimen's, to its end."""
    return subprocess.run(
        [sys.executable, "-m", *argv],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout,
        input=stdin,
        env={**os.environ, **env},
    )


@dataclass(frozen=True)
class Searched:
    """A finished search and where everything lies."""

    results: Path
    corpus: Path
    model: Path
    out: str

    @property
    def folder(self) -> Path:
        return self.results / "tiny"

    @property
    def sources(self) -> list[str]:
        return [
            "--data",
            str(self.corpus),
            "--model",
            str(self.model),
            "--results",
            str(self.results),
        ]


def search_tiny(folder: Path, model: Path) -> Searched:
    """A whole search of the toy corpus with a tiny model."""
    found = Searched(folder / "results", tiny.write_corpus(folder / "corpus"), model, "")
    budget = ["--trials", str(TRIALS), "--epochs", str(EPOCHS), "--name", "tiny"]
    done = run("search.run", "--regime", "llrd_warmup", *budget, "--confirm", "2x2", *found.sources)
    assert done.returncode == 0, done.stderr
    return Searched(found.results, found.corpus, model, done.stdout)
