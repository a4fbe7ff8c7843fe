"""A search under attack: signals, kills, a full disk, trials that hang or break.

Real processes, and a real kill of each.
"""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from search.study import records
from search.study import study as studies
from tests import tiny
from tests.processes import ROOT, Searched, run

pytestmark = pytest.mark.slow

TRIALS, EPOCHS = 6, 30


class Running:
    """A search in a process group of its own, with a private folder for temporary files, and its
    children as they were at the attack."""

    def __init__(
        self, name: str, searched: Searched, temporary: Path, *more: str, cwd: Path = ROOT
    ) -> None:
        self.folder = searched.results / name
        self.temporary = temporary
        argv = [
            "-m",
            "search.run",
            "--regime",
            "baseline",
            "--trials",
            str(TRIALS),
            "--epochs",
            str(EPOCHS),
            "--name",
            name,
        ]
        argv += [
            "--sampler",
            "random",
            "--scheduler",
            "none",
            "--no-confirm",
            *searched.sources,
            *more,
        ]
        environment = {**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": str(cwd)}
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(
            [sys.executable, *argv], cwd=cwd, env=environment, start_new_session=True, **pipes
        )
        self.children: list[psutil.Process] = []

    def until_epochs(self, number: int) -> "Running":
        """Wait until the journal holds so many."""
        journal, deadline = self.folder / studies.JOURNAL, time.monotonic() + 120
        while not (journal.exists() and journal.read_text().count('"epoch:') >= number):
            assert time.monotonic() < deadline and self.process.poll() is None, (
                self.process.communicate()
            )
            time.sleep(0.1)
        self.children = psutil.Process(self.process.pid).children(recursive=True)
        return self

    def child(self, name: str) -> psutil.Process:
        """One of its processes, by a part of its name."""
        return next(process for process in self.children if name in process.name())

    def ends(self, code: int) -> tuple[str, str]:
        """Its output, once it ended with `code` and without a traceback."""
        out, errors = self.process.communicate(timeout=180)
        assert self.process.returncode == code, out + errors
        assert "Traceback" not in out + errors
        return out, errors

    def left(self) -> list[str]:
        """What is still there of it: processes, after a moment to go, and files."""
        _, alive = psutil.wait_procs(self.children, timeout=10)
        return [process.name() for process in alive] + folders(self.temporary)


def folders(temporary: Path) -> list[str]:
    """Names of the folders that searches made for temporary files."""
    return [path.name for path in temporary.glob("regimen-*") if path.name not in tiny.STRANGERS]


@pytest.fixture
def temporary(tmp_path: Path) -> Iterator[Path]:
    """A short path:

    Ray puts sockets below it, whose names may have 107 characters. What a user keeps there outlives
    every search.
    """
    folder = Path(f"/tmp/r{os.getpid()}-{time.monotonic_ns() % 10**6}")
    folder.mkdir()
    tiny.write_strangers(folder)
    yield folder
    assert tiny.harmed(folder) == []
    shutil.rmtree(folder)


def outcome(folder: Path) -> list[tuple[Any, ...]]:
    """Every trial with its configuration, end and curve, without times."""
    found = []
    for trial in studies.trials(studies.read_study(folder)):
        curve = tiny.curve(records.epochs(trial))
        found.append(
            (trial.number, trial.state.name, trial.value, records.CONFIG.read(trial), curve)
        )
    return found


@pytest.fixture(scope="module")
def undisturbed(searched: Searched) -> list[tuple[Any, ...]]:
    """What the search finds when it is left alone."""
    argv = [
        "--regime",
        "baseline",
        "--trials",
        str(TRIALS),
        "--epochs",
        str(EPOCHS),
        "--name",
        "undisturbed",
    ]
    done = run(
        "search.run",
        *argv,
        "--sampler",
        "random",
        "--scheduler",
        "none",
        "--no-confirm",
        *searched.sources,
    )
    assert done.returncode == 0, done.stderr
    found = outcome(searched.results / "undisturbed")
    assert len(found) == TRIALS and all(len(trial[-1]) == EPOCHS for trial in found)
    return found


def resume(name: str, searched: Searched) -> subprocess.CompletedProcess[str]:
    done = run("search.run", "--resume", name, "--results", str(searched.results))
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")]
)
def test_a_signal_ends_the_search_in_good_order(
    number: signal.Signals,
    name: str,
    searched: Searched,
    temporary: Path,
    undisturbed: list[tuple[Any, ...]],
) -> None:
    """At the epoch, with its table and the command to go on; the resumed search finds what an
    undisturbed one finds."""
    search = Running(name, searched, temporary).until_epochs(40)
    search.process.send_signal(number)
    out, _ = search.ends(130)
    assert "best in search" in out and f"search.run --resume {name}" in out and search.left() == []
    states = {trial.state.name for trial in studies.read_study(search.folder).get_trials()}
    assert "RUNNING" not in states and "FAIL" not in states
    resume(name, searched)
    assert outcome(search.folder) == undisturbed


def test_trials_run_in_the_workers_that_ray_has_ready(searched: Searched, temporary: Path) -> None:
    """No others are started for them, which would import all that those have imported."""
    search = Running("ready", searched, temporary).until_epochs(1)
    names = [child.name() for child in search.children]
    training, idle = (sum(part in name for name in names) for part in ("ImplicitFu", "IDLE"))
    assert training >= 1 and training + idle <= (os.cpu_count() or 1)
    search.process.send_signal(signal.SIGINT)
    search.ends(130)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_it_starts_leaves_nothing(
    number: signal.Signals, searched: Searched, temporary: Path
) -> None:
    """Ray is on its way, and the rest is being imported."""
    search = Running(f"starts-{number}", searched, temporary)
    deadline = time.monotonic() + 60
    while not any("gcs_server" in child.name() for child in search.children):
        assert time.monotonic() < deadline and search.process.poll() is None
        search.children = psutil.Process(search.process.pid).children(recursive=True)
    search.process.send_signal(number)
    search.ends(130)
    assert search.left() == [] and not search.folder.exists()


def test_a_second_signal_ends_it_at_once(
    searched: Searched, temporary: Path, undisturbed: list[tuple[Any, ...]]
) -> None:
    search = Running("twice", searched, temporary).until_epochs(40)
    search.process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    began = time.monotonic()
    for _ in range(3):  # who presses ^C twice presses it again
        search.process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    search.ends(130)
    assert time.monotonic() - began < 5 and search.left() == []
    resume("twice", searched)
    assert outcome(search.folder) == undisturbed


def test_a_search_whose_driver_is_killed_goes_on_and_removes_what_it_left(
    searched: Searched, temporary: Path, undisturbed: list[tuple[Any, ...]]
) -> None:
    search = Running("killed", searched, temporary).until_epochs(70)
    search.process.kill()
    search.process.wait()
    assert folders(temporary)
    before = [trial for trial in outcome(search.folder) if trial[1] == "COMPLETE"]
    assert before
    done = run(
        "search.run",
        "--resume",
        "killed",
        "--results",
        str(searched.results),
        TMPDIR=str(temporary),
    )
    assert done.returncode == 0, done.stderr
    assert outcome(search.folder) == undisturbed and all(trial in undisturbed for trial in before)
    assert search.left() == []


def test_a_search_whose_raylet_is_killed_says_so_and_goes_on(
    searched: Searched, temporary: Path, undisturbed: list[tuple[Any, ...]]
) -> None:
    search = Running("raylet", searched, temporary).until_epochs(40)
    search.child("raylet").kill()
    _, errors = search.ends(1)
    assert "error: Ray's process raylet died" in errors and search.left() == []
    resume("raylet", searched)
    assert outcome(search.folder) == undisturbed


def test_a_worker_that_is_killed_costs_nothing_but_time(
    searched: Searched, temporary: Path, undisturbed: list[tuple[Any, ...]]
) -> None:
    search = Running("worker", searched, temporary).until_epochs(40)
    search.child("ImplicitFu").kill()
    search.ends(0)
    assert outcome(search.folder) == undisturbed and search.left() == []
    assert (
        sum(
            records.WORKER_DIED.recorded(trial)
            for trial in studies.trials(studies.read_study(search.folder))
        )
        == 1
    )


def test_a_trial_that_hangs_is_ended(
    searched: Searched, temporary: Path, undisturbed: list[tuple[Any, ...]]
) -> None:
    """A worker is stopped: alive, and silent for good."""
    search = Running("hangs", searched, temporary, "--trial-timeout", "20s").until_epochs(40)
    os.kill(search.child("ImplicitFu").pid, signal.SIGSTOP)
    out, _ = search.ends(0)
    assert "failed: it took longer than 20s" in out and search.left() == []
    found = outcome(search.folder)
    assert [trial[1] for trial in found].count("FAIL") == 1
    assert [trial for trial in found if trial[1] == "COMPLETE"] == [
        trial for trial, own in zip(undisturbed, found) if own[1] == "COMPLETE"
    ]


def test_a_full_disk_ends_the_search_cleanly_and_loses_nothing(
    searched: Searched, temporary: Path, undisturbed: list[tuple[Any, ...]]
) -> None:
    """The system lets the driver's files grow a little further, and then refuses, as a full disk
    does."""
    search = Running("full", searched, temporary).until_epochs(70)
    journal = search.folder / studies.JOURNAL
    resource.prlimit(
        search.process.pid,
        resource.RLIMIT_FSIZE,
        (journal.stat().st_size + 3000, resource.RLIM_INFINITY),
    )
    _, errors = search.ends(1)
    assert errors.startswith("error: ") and errors.count("\n") == 1 and "--resume" in errors
    assert journal.read_bytes().endswith(b"\n") and all(
        json.loads(line) for line in journal.read_text().splitlines()
    )
    assert search.left() == []
    resume("full", searched)
    assert outcome(search.folder) == undisturbed


LOSES_CUDA = """    assert not globals().get("LOST"), "the worker is used again"
    marker = f"{config.draw}-was-here"
    import pathlib
    first = not (pathlib.Path("{folder}") / marker).exists()
    (pathlib.Path("{folder}") / marker).touch()
    if config.draw % 3 == 0 or (config.draw % 3 == 1 and first):
        globals()["LOST"] = True
        raise RuntimeError("CUDA error: device-side assert triggered")
    began ="""


def test_a_worker_that_lost_cuda_is_replaced_and_its_trial_tried_again(
    searched: Searched, temporary: Path, tmp_path: Path
) -> None:
    """In a copy of the code: as with CUDA, whatever is run in that process afterwards breaks.

    Some trials lose it always, some once.
    """
    for package in ("search", "trainables", "spaces", "analysis"):
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    (tmp_path / "seen").mkdir()
    source = (ROOT / "trainables" / "untuned.py").read_text()
    loses = LOSES_CUDA.replace("{folder}", str(tmp_path / "seen"))
    (tmp_path / "trainables" / "fragile.py").write_text(source.replace("    began =", loses, 1))
    (tmp_path / "spaces" / "fragile.py").write_text(
        (ROOT / "spaces" / "untuned.py").read_text().replace("10_000", "6")
    )
    search = Running(
        "lost", searched, temporary, "--regime", "fragile", "--trials", "6", cwd=tmp_path
    )
    search.ends(0)
    found = {
        records.CONFIG.read(trial)["draw"]: trial
        for trial in studies.trials(studies.read_study(search.folder))
    }
    assert {draw: trial.state.name for draw, trial in found.items()} == {
        draw: "FAIL" if draw % 3 == 0 else "COMPLETE" for draw in range(1, 7)
    }
    assert {draw for draw, trial in found.items() if records.WORKER_DIED.recorded(trial)} == {
        1,
        3,
        4,
        6,
    }
    reasons = {draw: records.FAILURE.read(trial) for draw, trial in found.items() if draw % 3 == 0}
    assert reasons == dict.fromkeys(
        (3, 6), "RuntimeError: CUDA error: device-side assert triggered"
    )


def test_three_first_trials_that_fail_for_one_reason_end_the_search(
    searched: Searched, temporary: Path, tmp_path: Path
) -> None:
    """A regime that can't begin, in a copy of the code."""
    for package in ("search", "trainables", "spaces", "analysis"):
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    source = (ROOT / "trainables" / "baseline.py").read_text()
    begins = "    yield from ()\n    raise OSError('no such file: weights')\n"
    (tmp_path / "trainables" / "baseline.py").write_text(
        source[: source.index("    return (yield from")] + begins
    )
    search = Running("broken", searched, temporary, "--trials", "50", cwd=tmp_path)
    out, _ = search.ends(3)
    assert "the first trials failed for one reason" in out and "no such file: weights" in out
    assert 3 <= len(studies.trials(studies.read_study(search.folder))) <= 5
