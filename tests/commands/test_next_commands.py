"""The commands that results name are pasted into a shell and do what they are for."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from analysis import shell_lines
from analysis.comparison.settle import more_seeds
from analysis.read.folder import read_summary
from search.spec import SearchSpec
from tests.processes import ROOT, Inputs, run


def pasted(command: str, folder: Path) -> str:
    """Run a command in `folder`, with the Python and the code of the tests; what it prints."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, shell=True, cwd=folder, env=env, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.soak
def test_the_commands_after_a_search_confirm_settle_compare_and_export(
    inputs: Inputs, tmp_path: Path
) -> None:
    """One search without fresh seeds, from its first `next:` to an answer of a floor's model."""
    flags = "--regime llrd --trials 2 --epochs 2 --no-confirm --name alone"
    done = run("search.run", *flags.split(), *inputs.sources)
    assert done.returncode == 0, done.stderr
    folder = inputs.results / "alone"
    assert read_summary(folder).confirmed_accuracy == ()

    (confirm,) = (line for line in done.stdout.splitlines() if line.startswith("  confirm "))
    out = pasted(confirm.removeprefix("  confirm "), tmp_path)
    confirmed = read_summary(folder)
    assert "2 complete" in out and confirmed.states["COMPLETE"] == 2
    assert len(confirmed.confirmed_accuracy) >= 4

    spec = SearchSpec.read(folder)
    where = shell_lines.results_flag(folder, asdict(spec))
    pasted(more_seeds(confirmed, len(confirmed.confirmed_accuracy) + 1, where), tmp_path)
    settled = read_summary(folder)
    assert settled.confirmed_accuracy[:-1] == confirmed.confirmed_accuracy

    report = inputs.results / "report.html"
    assert not report.exists()
    pasted(shell_lines.compare(folder, asdict(spec)), tmp_path)
    assert report.exists()

    pasted(shell_lines.export(asdict(spec), where, floor="tfidf"), tmp_path)
    assert "regime: tfidf\n" in (tmp_path / "best.yaml").read_text()
    pasted(shell_lines.train(asdict(spec), where, floor=True), tmp_path)
    (answer,) = pasted(shell_lines.predict(tmp_path / "model"), tmp_path).splitlines()
    assert json.loads(answer)["text"] == "wake me at seven"
