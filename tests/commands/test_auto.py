"""`--regime auto` as a user runs it: one budget of trials over all regimes."""

import contextlib
import os
import signal
import subprocess
import sys

import psutil
import pytest

from search.driver.request import searched_by_auto
from search.study import records
from search.study import study as studies
from tests.processes import ROOT, Inputs, run, wait_for

pytestmark = pytest.mark.soak

REGIMES = len(searched_by_auto())
BUDGET = REGIMES + 2


def trials_of(inputs: Inputs) -> dict[str, int]:
    """How many trials of each regime have ended, of those whose search has begun."""
    counts = {}
    for regime in searched_by_auto():
        folder = inputs.results / f"mine-{regime}"
        with contextlib.suppress(ValueError):  # no journal, or one that is being created
            every = studies.trials(studies.read_study(folder))
            counts[regime] = sum(trial.state.is_finished() for trial in every)
    return counts


def started(command: list[str]) -> subprocess.Popen[str]:
    """The command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env=os.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def workers_of(process: subprocess.Popen[str]) -> set[int]:
    """The process ids of its workers that run trials now."""
    workers = set()
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if child.name().startswith("ray::ImplicitFu"):
                    workers.add(child.pid)
    return workers


def test_an_interrupted_budget_goes_on_and_its_last_regime_is_confirmed(inputs: Inputs) -> None:
    command = [
        *f"search.run --regime auto --name mine --trials {BUDGET} --epochs 1".split(),
        *["--confirm", "1x1", "--report-seeds", "1", "--max-concurrent", "2"],
        *inputs.sources,
    ]
    process = started(command)
    wait_for(lambda: sum(trials_of(inputs).values()) >= 2, 600)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=600)
    assert process.returncode == 130, out
    assert "Continue with: the same command and --name mine" in out
    assert 2 <= sum(trials_of(inputs).values()) < BUDGET

    process, workers = started(command), set[int]()
    while process.poll() is None:
        workers |= workers_of(process)
        with contextlib.suppress(subprocess.TimeoutExpired):
            out, _ = process.communicate(timeout=0.5)
    assert process.returncode == 0, out
    assert 1 <= len(workers) <= 2, "each serves all the searches"
    ran = trials_of(inputs)
    assert ran.keys() == set(searched_by_auto()) and sum(ran.values()) == BUDGET
    assert out.count(": dropped after ") == len(ran) - 1
    winners = {
        regime
        for regime in ran
        if records.WINNER.recorded(studies.read_study(inputs.results / f"mine-{regime}"))
    }
    assert len(winners) == 1
    (winner,) = winners
    assert f"search.export mine-{winner} " in out

    again = run(*command)
    assert again.returncode == 0, again.stdout + again.stderr
    assert trials_of(inputs) == ran


def test_a_budget_below_the_number_of_regimes_is_one_line_and_exit_code_2(inputs: Inputs) -> None:
    command = ["search.run", "--regime", "auto", "--name", "mine", *inputs.sources]
    few = run(*command, "--trials", "2")
    assert few.returncode == 2
    assert few.stderr.startswith(f"error: --trials must be at least {REGIMES} with --regime auto")
