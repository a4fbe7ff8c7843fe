"""`--start-or-resume`: one command that may run again, whatever became of it before."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from search.run import main
from search.spec import SearchSpec
from search.study import records
from search.study import study as studies
from search.study.lock import search_lock
from tests.processes import ROOT, TINY, Inputs, Searched, run, wait_for


def finished(folder: Path) -> int:
    """How many trials of a search have ended."""
    if not (folder / "study.journal").exists():
        return 0
    try:
        every = studies.trials(studies.read_study(folder))
    except ValueError:  # its journal is empty yet
        return 0
    return sum(trial.state.is_finished() for trial in every)


def end_of(out: str) -> str:
    """What a command printed after its searches."""
    match = re.search(r"^\S+: \d+ complete, ", out, re.MULTILINE)
    assert match is not None
    return out[match.start() :]


@pytest.mark.soak
def test_the_same_command_begins_continues_and_prints_searches(inputs: Inputs) -> None:
    """The first process is killed within the second of its two searches."""
    command = [
        *["search.run", "--start-or-resume", "--name", "mine", "--regime", "probe,baseline"],
        *["--trials", "2", "--epochs", "1", "--confirm", "1x1", "--report-seeds", "1"],
        *inputs.sources,
    ]
    first, second = (inputs.results / name for name in ("mine-probe", "mine-baseline"))
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env=os.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: finished(second) >= 1, 600)
    refused = run(*command)
    assert refused.returncode == 2, refused.stderr
    owner = f"{process.pid} on {socket.gethostname()}"
    assert (
        refused.stderr
        == f"error: the search 'mine-baseline' is running in another process ({owner})\n"
    )
    process.send_signal(signal.SIGKILL)
    process.wait()

    begun = (first / "study.journal").read_bytes()
    assert records.ALL_WRITTEN.read(studies.read_study(first))
    done = run(*command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "baseline, regime 2 of 2: 2 trials" in done.stdout and "1 of 2" not in done.stdout
    assert (first / "study.journal").read_bytes() == begun
    assert finished(second) == 2

    ended = (second / "study.journal").read_bytes()
    again = run(*command)
    assert again.returncode == 0, again.stdout + again.stderr
    assert again.stdout == end_of(done.stdout)
    assert (second / "study.journal").read_bytes() == ended


@pytest.mark.slow
def test_the_command_of_a_search_that_has_ended_prints_its_result_and_changes_nothing(
    searched: Searched, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (searched.folder / "study.journal").read_bytes()
    assert main(["--start-or-resume", *TINY, *searched.sources]) == 0
    assert capsys.readouterr().out == end_of(searched.out)
    assert (searched.folder / "study.journal").read_bytes() == before


def test_a_search_that_runs_is_refused_before_anything_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its data is gone, which would be the error if the data were read."""
    spec = SearchSpec(
        regime="baseline", data="no/such/folder", model="minilm", name="x", results=str(tmp_path)
    )
    spec.folder.mkdir()
    (spec.folder / "spec.json").write_text(spec.to_json())
    flags = ["--start-or-resume", "--regime", "baseline", "--name", "x", "--results", str(tmp_path)]
    with search_lock(spec.folder):
        assert main(flags) == 2
    owner = f"{os.getpid()} on {socket.gethostname()}"
    assert (
        capsys.readouterr().err
        == f"error: the search 'x' is running in another process ({owner})\n"
    )
