"""What has to hold once a search is over: its journal, its runs in MLflow, and nothing left."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests import tiny
from tests.chaos.journal import best_config, describe_difference, read_trials
from tests.chaos.mlflow_check import mlflow_problems
from tests.chaos.outcome import log
from tests.chaos.round import Round
from tests.chaos.workspace import SEARCH_NAME

CLEANUP_SECONDS = 10.0
"""How long the processes of a search may outlive its driver."""


def examine(search: Round) -> None:
    """Check everything, and count the problems in the search's outcome."""
    _check_journal(search)
    _check_mlflow(search)
    _check_leftovers(search)


def _check_journal(search: Round) -> None:
    """Compare its trials with the undisturbed search's, and with what it had before the kills.

    A trial whose worker was killed twice may have failed.
    """
    expected, actual = search.reference.trials, read_trials(search.folder)
    excused = {
        number
        for number, times in search.possibly_killed.items()
        if times > 1 and number in actual and actual[number].state == "FAIL"
    }
    search.outcome.failed_twice_killed += len(excused)
    where = f"round {search.number}, {search.folder}"
    problem = search.outcome.add_problem
    for number, trial in search.completed.items():
        if actual.get(number) != trial:
            problem("finished trials lost or changed", f"{where}: trial {number}")
    for number in expected.keys() - actual.keys():
        problem("trials lost", f"{where}: trial {number}")
    for number in actual.keys() - expected.keys():
        problem("trials doubled", f"{where}: trial {number}")
    for number in sorted(expected.keys() & actual.keys() - excused):
        if actual[number] != expected[number]:
            difference = describe_difference(expected[number], actual[number])
            problem("trials changed", f"{where}: trial {number}, {difference}")
    comparable = {number: trial for number, trial in expected.items() if number not in excused}
    if best_config(actual) != best_config(comparable):
        problem("best changed", where)


def _check_mlflow(search: Round) -> None:
    """Compare its runs with its journal.

    If the server was killed late, the search may have ended without it: then `search.sync` has to
    log what is missing.
    """
    if search.server:
        search.server.wait()
    if search.server_was_killed and list(mlflow_problems(search.uri, search.folder)):
        _sync(search)
    for kind, detail in mlflow_problems(search.uri, search.folder):
        search.outcome.add_problem(kind, f"round {search.number}, {search.results}: {detail}")


def _sync(search: Round) -> None:
    """Run `search.sync`."""
    argv = ["search.sync", SEARCH_NAME, "--results", str(search.results)]
    done = subprocess.run(
        [sys.executable, "-m", *argv, "--tracking-uri", search.uri],
        cwd=search.workspace.code,
        env=search.workspace.environment,
        capture_output=True,
        text=True,
        timeout=search.timeout,
    )
    search.outcome.synced += 1
    log_file = search.base / "sync.log"
    log_file.write_text(done.stdout + done.stderr, encoding="utf-8")
    log(f"  round {search.number}: search.sync ended with {done.returncode}")
    if done.returncode != 0 or "Traceback" in done.stderr:
        detail = f"search.sync: {done.returncode}, {log_file}"
        search.outcome.add_problem("exit codes", detail)


def _check_leftovers(search: Round) -> None:
    """Look for its processes, temporary folders and shared memory, after some time to go."""
    problem = search.outcome.add_problem
    deadline = time.monotonic() + CLEANUP_SECONDS
    while time.monotonic() < deadline and any(s.remaining() for s in search.sessions):
        time.sleep(0.3)
    for session in search.sessions:
        where = f"round {search.number}, {session.log}"
        for process in session.remaining():
            problem("processes left", f"{where}: {process}")
        for path in session.shared_memory:
            if Path(path).exists():
                problem("shared memory left", f"{where}: {path}")
        session.destroy()
    temporary = search.workspace.temporary
    for harmed in tiny.harmed(temporary):
        problem("a user's folders harmed", f"round {search.number}: {harmed}")
    for folder in list(temporary.glob("regimen-*")):
        if folder.name in tiny.STRANGERS:
            continue
        names = [str(path.relative_to(folder)) for path in folder.rglob("*")]
        content = f"{len(names)} files and folders, {names[:4]}"
        problem("folders left", f"round {search.number}: {folder}, {content}")
        shutil.rmtree(folder, ignore_errors=True)
