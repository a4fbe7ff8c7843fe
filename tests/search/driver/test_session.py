"""A search that Python code starts, such as a notebook, and one that runs already."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from search.driver.session import search
from search.run import main
from search.spec import SearchSpec
from search.study.lock import search_lock
from search.study.study import read_study
from tests import tiny
from tests.processes import ROOT

NOTEBOOK = """
import json, sys
from search import SearchSpec, search
corpus, model, results = sys.argv[1:]
spec = SearchSpec(
    regime="baseline", data=corpus, model=model, results=results, trials=1, epochs=1, confirm_top=0
)
outcome = search(spec, quiet=True)
assert outcome.trials.loc[0, "state"] == "COMPLETE" and set(outcome.epochs["epoch"]) == {1}
assert outcome.best == {**outcome.best, "learning_rate": 1e-4}
assert "baseline" in outcome._repr_html_() and outcome.report().is_file()
print(json.dumps([str(outcome.spec.folder), outcome.ending.name, outcome.summary.to_dict()]))
"""


@pytest.mark.slow
def test_a_search_from_python_returns_its_summary_and_prints_nothing(
    tmp_path: Path, model_folder: Path
) -> None:
    corpus = tiny.write_corpus(tmp_path / "corpus")
    argv = [sys.executable, "-c", NOTEBOOK, str(corpus), str(model_folder), str(tmp_path / "r")]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    folder, ending, summary = json.loads(line)
    assert ending == "DONE" and summary["states"] == {"COMPLETE": 1, "PRUNED": 0, "FAIL": 0}
    assert json.loads((Path(folder) / "summary.json").read_text()) == summary


INTERRUPTED = """
import os, signal, sys, threading, time
from pathlib import Path
from search import SearchSpec, search
corpus, model, results = sys.argv[1:]
spec = SearchSpec(
    regime="baseline", data=corpus, model=model, results=results, trials=50, epochs=30,
    scheduler="none", name="mine"
)
journal = Path(results) / "mine" / "study.journal"
signal.signal(signal.SIGINT, signal.default_int_handler)  # Jobs in the background ignore it.

def interrupt():
    while not journal.exists() or journal.read_text().count('"epoch:') < 3:
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=interrupt, daemon=True).start()
outcome = search(spec, quiet=True)
before = journal.read_bytes()
time.sleep(3)
assert journal.read_bytes() == before, "it goes on"
print(outcome.ending.name)
"""


@pytest.mark.slow
def test_an_interrupted_notebook_leaves_no_worker_and_no_running_trial(
    tmp_path: Path, model_folder: Path
) -> None:
    """There, ^C is a KeyboardInterrupt in the main thread."""
    corpus = tiny.write_corpus(tmp_path / "corpus")
    argv = [sys.executable, "-c", INTERRUPTED, str(corpus), str(model_folder), str(tmp_path / "r")]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "INTERRUPTED"
    states = {trial.state.name for trial in read_study(tmp_path / "r" / "mine").get_trials()}
    assert "WAITING" in states and not states & {"RUNNING", "FAIL"}


def test_a_running_search_is_not_resumed_and_nothing_is_read_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its data is gone, which would be the error if the data were read."""
    spec = SearchSpec(
        regime="baseline", data="no/such/folder", model="minilm", name="old", results=str(tmp_path)
    )
    spec.folder.mkdir()
    (spec.folder / "spec.json").write_text(spec.to_json())
    with search_lock(spec.folder):
        assert main(["--resume", "old", "--results", str(tmp_path)]) == 2
        error = capsys.readouterr().err
        with pytest.raises(ValueError) as caught:
            search(spec, resume=True)
    assert error == f"error: {caught.value}\n"
    owner = f"{os.getpid()} on {socket.gethostname()}"
    assert str(caught.value) == f"the search 'old' is running in another process ({owner})"
