"""A search survives signals, killed processes, a full disk, and trials that hang or break.

Every search runs in a process of its own, and what happens to it is real.
"""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import mlflow
import psutil
import pytest

from search.study import records
from search.study import study as studies
from search.tracking import store
from search.trials.floors import REGIMES
from tests import tiny
from tests.processes import ROOT, Inputs, copy_code, run, search_folders

pytestmark = pytest.mark.slow


TRIALS, EPOCHS = 8, 30
STARTUP_SECONDS = 300


class RunningSearch:
    """A process of a search, in a process group of its own, and its descendants at some time."""

    def __init__(
        self, argv: list[str], folder: Path, temporary: Path, code: Path = ROOT, **env: str
    ) -> None:
        self.folder, self.temporary = folder, temporary
        self.began_with = self.epochs
        self.process = subprocess.Popen(
            [sys.executable, "-m", "search.run", *argv],
            cwd=code,
            env={**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": str(code), **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.descendants: list[psutil.Process] = []
        RunningSearch.started.append(self.process)

    started: ClassVar[list[subprocess.Popen[str]]] = []
    """Those of the present test; a failing test leaves them running."""

    @property
    def journal(self) -> Path:
        return self.folder / studies.JOURNAL

    @property
    def epochs(self) -> int:
        """Epochs in the journal."""
        return self.journal.read_text().count('"epoch:') if self.journal.exists() else 0

    def wait_for_epochs(self, number: int) -> "RunningSearch":
        """Wait until it has recorded this many epochs, and note its descendants."""
        deadline = time.monotonic() + STARTUP_SECONDS
        while self.epochs < self.began_with + number:
            if time.monotonic() > deadline or self.process.poll() is not None:
                pytest.fail(f"it recorded no {number} epochs: {self.process.communicate()}")
            time.sleep(0.1)
        return self.note_descendants()

    def wait_for_line(self, start: str) -> "RunningSearch":
        """Wait until it has printed a line that begins so, and note its descendants."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(start):
                return self.note_descendants()
        pytest.fail(f"it printed no line '{start}': {self.process.communicate()}")

    def note_descendants(self) -> "RunningSearch":
        self.descendants = psutil.Process(self.process.pid).children(recursive=True)
        return self

    def descendant(self, name: str) -> psutil.Process:
        """The first descendant with `name` in its name."""
        return next(process for process in self.descendants if name in process.name())

    def training_worker(self) -> psutil.Process:
        """A worker that trains: Ray names it by its method, and one between two trials by none."""
        while True:
            for process in self.descendants:
                with contextlib.suppress(psutil.Error):
                    if "ImplicitFunc.train" in " ".join(process.cmdline()):
                        return process
            time.sleep(0.01)

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, code: int) -> tuple[str, str]:
        """Wait for it to end with this exit code and without a traceback; return its output."""
        out, errors = self.process.communicate(timeout=600)
        assert self.process.returncode == code, out + errors
        assert "Traceback" not in out + errors
        return out, errors

    def leftovers(self) -> list[str]:
        """Its processes that still run after some seconds, and its temporary folders."""
        _, alive = psutil.wait_procs(self.descendants, timeout=60)
        return [process.name() for process in alive] + search_folders(self.temporary)


@pytest.fixture(autouse=True)
def nothing_left(temporary: Path) -> Iterator[None]:
    """End what a failing test leaves behind, before its temporary folder goes."""
    yield
    for process in RunningSearch.started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    RunningSearch.started.clear()


@pytest.fixture(scope="module")
def results(inputs: Inputs) -> Path:
    return inputs.results


@pytest.fixture(scope="module")
def flags(inputs: Inputs) -> list[str]:
    """A search whose trials do not depend on one another, as `search.run` takes it."""
    budget = f"--trials {TRIALS} --epochs {EPOCHS} --max-concurrent 2 --no-confirm"
    policy = "--sampler random --scheduler none"
    return [*f"--regime baseline {budget} {policy}".split(), *inputs.sources]


Outcome = list[tuple[Any, ...]]


def outcome(folder: Path) -> Outcome:
    """Every trial's number, state, value, configuration and curve; no times."""
    return [
        (
            trial.number,
            trial.state.name,
            trial.value,
            records.CONFIG.read(trial),
            tiny.curve(records.epochs(trial)),
        )
        for trial in studies.trials(studies.read_study(folder))
    ]


@pytest.fixture(scope="module")
def undisturbed(results: Path, flags: list[str]) -> Outcome:
    """The outcome of the search to which nothing happens."""
    done = run("search.run", "--name", "undisturbed", *flags)
    assert done.returncode == 0, done.stderr
    trials = outcome(results / "undisturbed")
    assert len(trials) == TRIALS and all(len(curve) == EPOCHS for *_, curve in trials)
    return trials


# Failures, each of which ends a process of the search


def interrupt(search: RunningSearch) -> None:
    """SIGINT: trials end their epoch, and the table and the command to resume are printed."""
    search.send(signal.SIGINT)
    check_graceful_end(search)


def terminate(search: RunningSearch) -> None:
    """SIGTERM: the same."""
    search.send(signal.SIGTERM)
    check_graceful_end(search)


def check_graceful_end(search: RunningSearch) -> None:
    out, _ = search.wait(130)
    assert "(floor)" in out and f"search.run --resume {search.folder.name}" in out
    assert search.leftovers() == []
    states = {trial.state.name for trial in studies.read_study(search.folder).get_trials()}
    assert not states & {"RUNNING", "FAIL"}


def interrupt_twice(search: RunningSearch) -> None:
    """It ends at once, without a table. People press ^C more often than twice."""
    search.send(signal.SIGINT)
    time.sleep(0.2)
    for _ in range(3):
        search.send(signal.SIGINT)
        time.sleep(0.05)
    out, _ = search.wait(130)
    assert "(floor)" not in out and search.leftovers() == []


def kill_raylet(search: RunningSearch) -> None:
    """One line says that Ray is gone."""
    search.descendant("raylet").kill()
    _, errors = search.wait(1)
    assert "error: Ray's process raylet died" in errors and search.leftovers() == []


def fill_disk(search: RunningSearch) -> None:
    """Files may grow by 3,000 bytes only: the journal keeps its last complete entry."""
    limit = search.journal.stat().st_size + 3000
    resource.prlimit(search.process.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    _, errors = search.wait(1)
    assert errors.startswith("error: ") and errors.count("\n") == 1 and "--resume" in errors
    content = search.journal.read_text()
    assert content.endswith("\n") and all(json.loads(line) for line in content.splitlines())
    assert search.leftovers() == []


def kill_driver(search: RunningSearch) -> None:
    """It leaves its temporary folder, which the resumed search removes."""
    search.process.kill()
    search.process.communicate()
    assert search_folders(search.temporary)


FAILURES: Sequence[Callable[[RunningSearch], None]] = (
    interrupt,
    kill_driver,
    terminate,
    interrupt_twice,
    fill_disk,
    kill_raylet,
)


@pytest.mark.soak
def test_a_search_that_fails_again_and_again_ends_as_the_undisturbed_one(
    results: Path, flags: list[str], temporary: Path, undisturbed: Outcome
) -> None:
    """Each process resumes what the last one left. In the last, a worker is killed as well."""
    folder = results / "attacked"
    search = RunningSearch(["--name", folder.name, *flags], folder, temporary)
    search.wait_for_epochs(1)
    check_workers_are_reused(search)
    check_listens_on_loopback_only(search)
    check_cannot_be_resumed(search)
    completed: Outcome = []
    # Trials complete before the last failure, and others are left after it.
    between = TRIALS * EPOCHS // (len(FAILURES) + 2)
    for failure in FAILURES:
        failure(search.wait_for_epochs(between))
        completed = [trial for trial in outcome(folder) if trial[1] == "COMPLETE"]
        assert all(trial in undisturbed for trial in completed), failure.__name__
        resume = ["--resume", folder.name, "--results", str(results)]
        search = RunningSearch(resume, folder, temporary)
    assert completed
    search.wait_for_epochs(between).training_worker().kill()
    search.wait(0)
    assert search.leftovers() == []
    assert outcome(folder) == undisturbed
    trials = studies.trials(studies.read_study(folder))
    assert sum(records.WORKER_DIED.recorded(trial) for trial in trials) == 1
    check_mlflow_runs_finished(results, folder.name)


def check_workers_are_reused(search: RunningSearch) -> None:
    """Trials run in the workers that Ray has started in advance, not in additional ones.

    On a busy machine Ray starts one too many now and then, and ends it after a second.
    """
    deadline = time.monotonic() + 60
    while True:
        names = []
        for process in search.note_descendants().descendants:
            with contextlib.suppress(psutil.NoSuchProcess):
                names.append(process.name())
        training, idle = (sum(part in name for name in names) for part in ("ImplicitFu", "IDLE"))
        if training >= 1 and training + idle <= (os.cpu_count() or 1):
            return
        assert time.monotonic() < deadline, names
        time.sleep(0.2)


def check_listens_on_loopback_only(search: RunningSearch) -> None:
    processes = [psutil.Process(search.process.pid), *search.descendants]
    connections = [one for process in processes for one in process.net_connections("tcp")]
    listening = [one.laddr.ip for one in connections if one.status == psutil.CONN_LISTEN]
    assert listening
    assert {ip.removeprefix("::ffff:") for ip in listening} <= {"127.0.0.1", "::1"}


def check_cannot_be_resumed(search: RunningSearch) -> None:
    """While it runs; the attempt changes nothing. It is paused so that it does not end before."""
    results = search.folder.parent
    store = f"sqlite:///{results / 'second.db'}"
    flags = ["--results", str(results), "--tracking-uri", store]
    search.send(signal.SIGSTOP)
    second = run("search.run", "--resume", search.folder.name, *flags)
    search.send(signal.SIGCONT)
    assert second.returncode == 2 and "running in another process" in second.stderr
    assert not (results / "second.db").exists()
    assert "interrupted" not in search.journal.read_text()


def check_mlflow_runs_finished(results: Path, name: str) -> None:
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{results / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(store.EXPERIMENT).experiment_id
    runs = client.search_runs([experiment], f"tags.`regimen.search` = '{name}'")
    assert len(runs) == TRIALS + len(REGIMES) + 1
    assert {run.info.status for run in runs} == {"FINISHED"}


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.soak)]
)
def test_a_signal_during_startup_leaves_nothing(
    number: signal.Signals, results: Path, flags: list[str], temporary: Path
) -> None:
    """Ray is starting, and a thread imports the rest."""
    folder = results / f"starts-{number}"
    search = RunningSearch(["--name", folder.name, *flags], folder, temporary)
    deadline = time.monotonic() + STARTUP_SECONDS
    while not any("gcs_server" in process.name() for process in search.descendants):
        assert time.monotonic() < deadline and search.process.poll() is None
        search.note_descendants()
    search.send(number)
    search.wait(130)
    assert search.leftovers() == [] and not folder.exists()


@pytest.mark.soak
def test_a_trial_that_hangs_is_ended(
    results: Path, flags: list[str], temporary: Path, undisturbed: Outcome
) -> None:
    """A worker is stopped: it is alive, but reports nothing any more."""
    folder = results / "hangs"
    argv = ["--name", folder.name, *flags, "--trial-timeout", "45s"]
    search = RunningSearch(argv, folder, temporary).wait_for_epochs(40)
    os.kill(search.training_worker().pid, signal.SIGSTOP)
    out, _ = search.wait(0)
    assert "failed: it took longer than 45s" in out and search.leftovers() == []
    trials = outcome(folder)
    assert [state for _, state, *_ in trials].count("FAIL") == 1
    assert all(
        trial == expected for trial, expected in zip(trials, undisturbed) if trial[1] == "COMPLETE"
    )


@pytest.mark.soak
def test_choice_and_report_runs_survive_a_killed_worker_and_an_interrupt(
    results: Path, flags: list[str], temporary: Path
) -> None:
    """They run in the workers of the trials. What they record is what it would have been."""
    more = [flag for flag in flags if flag != "--no-confirm"]
    more += ["--trials", "2", "--confirm", "2x2", "--report-seeds", "3"]
    done = run("search.run", "--name", "confirmed", *more)
    assert done.returncode == 0, done.stderr
    folder = results / "confirmed-again"
    search = RunningSearch(["--name", folder.name, *more], folder, temporary)
    search.wait_for_epochs(1)
    workers = [process for process in search.descendants if "ImplicitFu" in process.name()]
    search.wait_for_line("choosing the winner")
    assert all(worker.is_running() for worker in workers)
    workers[0].kill()
    search.wait_for_line("training the winner")
    search.send(signal.SIGINT)
    out, _ = search.wait(130)
    assert "stopping: finished runs are recorded; press again to abort" in out
    assert f"search.run --resume {folder.name}" in out and search.leftovers() == []
    again = run("search.run", "--resume", folder.name, "--results", str(results))
    assert again.returncode == 0 and "choosing the winner" not in again.stdout, again.stderr
    first, second = (studies.read_study(results / name) for name in ("confirmed", folder.name))
    assert records.WINNER.read(first) == records.WINNER.read(second)
    assert records.TEST_SCORES.read(first) == records.TEST_SCORES.read(second)
    for key in (records.CHOICE_RUNS, records.REPORT_RUNS):
        curves = (
            {
                (trial, seed): tiny.curve(epochs)
                for trial, runs in key.read(study).items()
                for seed, epochs in runs.items()
            }
            for study in (first, second)
        )
        assert next(curves) == next(curves)
    assert not records.CHOICE_FAILURES.read(second) and not records.REPORT_FAILURES.read(second)


LOSES_CUDA = """    assert not globals().get("LOST"), "the worker is used again"
    marker = f"{config.draw}-was-here"
    import pathlib
    first = not (pathlib.Path("{folder}") / marker).exists()
    (pathlib.Path("{folder}") / marker).touch()
    if config.draw % 3 == 0 or (config.draw % 3 == 1 and first):
        globals()["LOST"] = True
        raise RuntimeError("CUDA error: device-side assert triggered")
    began ="""


@pytest.mark.soak
def test_a_worker_that_lost_cuda_is_replaced_and_its_trial_repeated(
    results: Path, flags: list[str], temporary: Path, tmp_path: Path
) -> None:
    """After a CUDA error everything fails in that process; here a regime behaves so.

    Of its trials, 3 and 6 fail always, 1 and 4 once.
    """
    code = copy_code(tmp_path)
    (tmp_path / "seen").mkdir()
    source = (ROOT / "trainables" / "untuned.py").read_text()
    loses = LOSES_CUDA.replace("{folder}", str(tmp_path / "seen"))
    (code / "trainables" / "fragile.py").write_text(source.replace("    began =", loses, 1))
    space = (ROOT / "spaces" / "untuned.py").read_text().replace("10_000", "6")
    (code / "spaces" / "fragile.py").write_text(space)
    folder = results / "lost"
    argv = ["--name", folder.name, *flags, "--regime", "fragile"]
    RunningSearch(argv, folder, temporary, code).wait(0)
    trials = {
        records.CONFIG.read(trial)["draw"]: trial
        for trial in studies.trials(studies.read_study(folder))
    }
    states = {draw: trial.state.name for draw, trial in trials.items()}
    assert states == {draw: "COMPLETE" for draw in (1, 2, 4, 5)} | {3: "FAIL", 6: "FAIL"}
    repeated = {draw for draw, trial in trials.items() if records.WORKER_DIED.recorded(trial)}
    assert repeated == {1, 3, 4, 6}
    for draw in (3, 6):
        reason = trials[draw].user_attrs[records.FAILURE.name]
        assert reason == "RuntimeError: CUDA error: device-side assert triggered"


@pytest.mark.soak
def test_three_first_trials_that_fail_for_the_same_reason_end_the_search(
    results: Path, flags: list[str], temporary: Path, tmp_path: Path
) -> None:
    """A regime that cannot start, in a copy of the code."""
    code = copy_code(tmp_path)
    source = (ROOT / "trainables" / "baseline.py").read_text()
    fails = "    yield from ()\n    raise OSError('no such file: weights')\n"
    (code / "trainables" / "baseline.py").write_text(
        source[: source.index("    return (yield from")] + fails
    )
    folder = results / "broken"
    argv = ["--name", folder.name, *flags, "--trials", "50"]
    out, _ = RunningSearch(argv, folder, temporary, code).wait(3)
    assert "the first trials failed for one reason" in out and "no such file: weights" in out
    assert 3 <= len(studies.trials(studies.read_study(folder))) <= 5
