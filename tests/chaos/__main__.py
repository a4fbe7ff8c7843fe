"""python -m tests.chaos: kill searches at random moments, resume them, and hold what they end with
against one that was left alone.

The search is small (a tiny model, about a second a trial), its parts are real: Ray, the journal,
MLflow over sqlite or a server.
"""

import argparse
import contextlib
import functools
import json
import math
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from search.study import records

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import psutil
from mlflow import MlflowClient
from optuna.trial import TrialState

from search.reports import SYSTEM_METRICS
from search.study import study as studies
from search.tracking import recorder
from search.tracking.tracker import IDENTITY
from tests import tiny

ROOT = Path(__file__).parents[2]
EPOCHS = 24
NAME = "chaos"

KINDS = {
    "driver": 4,
    "group": 3,
    "worker": 3,
    "raylet": 2,
    "gcs": 1,
    "agent": 1,
    "int": 2,
    "term": 2,
    "server": 3,
}
"""What is killed, and how often in comparison."""
GOES_ON = ("worker", "server")
"""Kinds after which the same process has to go on by itself."""
CODES: dict[str, set[int]] = {
    "driver": {0, -9},
    "group": {0, -9},
    "int": {0, 130},
    "term": {0, 130},
    "raylet": {0, 1},
    "gcs": {0, 1},
    "agent": {0, 1},
}
"""Exit codes that each kind may lead to; without one, 0 alone. Where it is 1, a line has to say
why."""
PHASES = {"start": 3, "trials": 4, "end": 3}
GRACE = 10.0
"""Seconds in which what belonged to a process has to be gone after it."""
SAID = 12
"""How many of one kind of mistake are told one by one."""
ATTEMPTS = 4
"""Failures in a row after which a search is given up."""


@dataclass
class Figures:
    """What was done and what was found; everything in `wrong` should be 0."""

    rounds: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    phases: Counter[str] = field(default_factory=Counter)
    resumed: int = 0
    started_again: int = 0
    met_by_python: int = 0
    ended_by_ray: int = 0
    failed_twice_killed: int = 0
    synced: int = 0
    went_on_after: list[float] = field(default_factory=list)
    wrong: Counter[str] = field(
        default_factory=lambda: Counter(
            dict.fromkeys(
                (
                    "finished trials lost or changed",
                    "trials lost",
                    "trials doubled",
                    "trials changed",
                    "best changed",
                    "MLflow missing",
                    "MLflow doubled",
                    "MLflow RUNNING",
                    "MLflow status",
                    "tracebacks",
                    "exit codes",
                    "hangs",
                    "searches given up",
                    "processes left",
                    "folders left",
                    "shared memory left",
                    "a user's folders harmed",
                ),
                0,
            )
        )
    )

    def blame(self, what: str, detail: str) -> None:
        """Count something that is wrong, and say it, until that is plain."""
        self.wrong[what] += 1
        if self.wrong[what] <= SAID:
            say(f"    WRONG {what}: {detail}{', and so on' if self.wrong[what] == SAID else ''}")

    def to_dict(self) -> dict[str, Any]:
        waits = sorted(self.went_on_after)
        median = waits[len(waits) // 2] if waits else None
        return {
            **vars(self),
            "went_on_after": {"median": median, "max": max(waits, default=None), "n": len(waits)},
        }


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


@dataclass(frozen=True)
class Place:
    """Where everything lies.

    The searches' temporary folder is theirs alone, and short: Ray's sockets lie below it.
    """

    work: Path
    temp: Path
    trials: int

    @property
    def code(self) -> Path:
        """A copy of the code, so that edits meanwhile don't mix two versions in one comparison."""
        return self.work / "code"

    def fill(self) -> None:
        """Put the code, the corpus and the model there, and what a user keeps beside the searches'
        temporary folders."""
        for package in ("search", "trainables", "spaces", "analysis"):
            shutil.copytree(
                ROOT / package,
                self.code / package,
                ignore=shutil.ignore_patterns("__pycache__"),
                dirs_exist_ok=True,
            )
        tiny.write_corpus(self.work / "corpus")
        tiny.write_model(self.work / "model")
        tiny.write_strangers(self.temp)

    @property
    def environment(self) -> dict[str, str]:
        """For searches."""
        mine = {
            name: value
            for name, value in os.environ.items()
            if name not in ("MLFLOW_TRACKING_URI", "RAY_ADDRESS")
        }
        return {**mine, "TMPDIR": str(self.temp), "NO_COLOR": "1", "PYTHONPATH": str(self.code)}

    def start(self, results: Path, uri: str) -> list[str]:
        """The command that starts the search."""
        budget = [
            "--trials",
            str(self.trials),
            "--epochs",
            str(EPOCHS),
            "--sampler",
            "random",
            "--scheduler",
            "none",
            "--no-confirm",
        ]
        sources = [
            "--data",
            str(self.work / "corpus"),
            "--model",
            str(self.work / "model"),
            "--tracking-uri",
            uri,
        ]
        return [
            "search.run",
            "--regime",
            "llrd_warmup",
            "--name",
            NAME,
            "--results",
            str(results),
            *budget,
            *sources,
        ]


class Server:
    """An MLflow server over sqlite, on loopback, that can be killed and comes back at the same
    port."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            self.port = sock.getsockname()[1]
        self.folder, self.uri = folder, f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        self.timer: threading.Timer | None = None
        folder.mkdir()

    def start(self) -> None:
        """Start it, without waiting for it."""
        store = [
            "--backend-store-uri",
            f"sqlite:///{self.folder / 'server.db'}",
            "--artifacts-destination",
            str(self.folder / "artifacts"),
        ]
        argv = [
            sys.executable,
            "-m",
            "mlflow",
            "server",
            "--host",
            "127.0.0.1",
            "--port",
            str(self.port),
            "--workers",
            "1",
            *store,
        ]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(argv, stdout=log, stderr=log, start_new_session=True)

    @property
    def up(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.uri}/health", timeout=5).close()
        except OSError:
            return False
        return True

    def wait(self) -> None:
        """Until it answers, also after a kill."""
        deadline = time.monotonic() + 120
        while not self.up:
            if time.monotonic() > deadline:
                raise TimeoutError("the MLflow server does not answer")
            time.sleep(0.3)

    def kill(self, back_after: float | None = None) -> None:
        """Kill -9 with all of its workers; started again after so many seconds."""
        if self.timer:
            self.timer.cancel()
        if self.process:
            kill_group(self.process)
        if back_after is not None:
            self.timer = threading.Timer(back_after, self.start)
            self.timer.daemon = True
            self.timer.start()


def kill_group(process: subprocess.Popen[Any]) -> None:
    """Kill -9 a process with its group.

    Once it was waited for, its number may be another's: then nothing is sent.
    """
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class Session:
    """One process of a search, with all that it starts, watched while it runs."""

    def __init__(self, place: Place, argv: list[str], folder: Path, log: Path) -> None:
        self.journal, self.log = folder / studies.JOURNAL, log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *argv],
                cwd=place.code,
                env=place.environment,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        self.itself = psutil.Process(self.process.pid)
        self.began = time.monotonic()
        self.family: set[psutil.Process] = set()
        self.shared: set[str] = set()
        self.had_finished, self.had_epochs = self.progress()
        self.went_on: float | None = None

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.began

    @property
    def code(self) -> int | None:
        return self.process.poll()

    @property
    def output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def progress(self) -> tuple[int, int]:
        """Trials that the journal has as ended, and epochs that it has."""
        text = self.journal.read_text(encoding="utf-8") if self.journal.is_file() else ""
        return text.count('"datetime_complete"'), text.count('{"epoch:')

    def look(self) -> bool:
        """Note what it has started and how far it is; whether it still runs."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self.family.update(self.itself.children(recursive=True))
        if self.went_on is None and self.progress()[1] > self.had_epochs:
            self.went_on = self.elapsed
        return self.code is None

    def until(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Watch it until the condition holds; False where it ended before. Raises TimeoutError."""
        while not condition():
            if not self.look():
                return False
            if self.elapsed > timeout:
                raise TimeoutError
            time.sleep(0.15)
        return self.look()

    def named(self, match: Callable[[str], bool]) -> list[psutil.Process]:
        """Processes below it whose name or first words match."""
        found = []
        for one in self.family:
            with contextlib.suppress(psutil.Error):
                if one.is_running() and match(" ".join([one.name(), *one.cmdline()[:1]])):
                    found.append(one)
        return sorted(found, key=lambda one: one.pid)

    def victims(self, kind: str) -> list[psutil.Process]:
        """What a kill of this kind may hit at the moment."""
        if kind == "worker":
            return self.named(
                lambda name: (
                    "ray::" in name
                    and not any(other in name for other in ("IDLE", "SPILL", "RESTORE", "Agent"))
                )
            )
        if kind in ("raylet", "gcs", "agent"):
            begins = {"raylet": "raylet", "gcs": "gcs_server", "agent": "ray::RuntimeEnv"}[kind]
            return self.named(lambda name: name.startswith(begins))
        return [self.itself]

    def note_shared_memory(self) -> None:
        """Remember the files under /dev/shm that its processes have mapped."""
        for one in self.family:
            with contextlib.suppress(psutil.Error):
                self.shared.update(
                    region.path
                    for region in one.memory_maps()
                    if region.path.startswith("/dev/shm/")
                )

    def left(self) -> list[str]:
        """What it started and still runs, zombies apart."""
        found = []
        for one in self.family:
            with contextlib.suppress(psutil.Error):
                if one.is_running() and one.status() != psutil.STATUS_ZOMBIE:
                    found.append(f"{one.pid} {one.name()} {' '.join(one.cmdline())[:80]}")
        return found

    def destroy(self) -> None:
        """End it and everything below it."""
        kill_group(self.process)
        for one in self.family:
            with contextlib.suppress(psutil.Error):
                one.kill()


@dataclass(frozen=True)
class Trial:
    """What is compared of a trial: everything but how long it took."""

    config: str
    state: str
    value: float | None
    curve: tuple[str, ...]


@dataclass(frozen=True)
class Kill:
    """One that is planned: `share` says where in the phase, `delay` how many seconds later."""

    kind: str
    phase: str
    share: float
    delay: float


@dataclass(frozen=True)
class Reference:
    """The search that was left alone: its trials, and how long it took after the last one, and in
    all."""

    trials: dict[int, Trial]
    tail: float
    whole: float


def trials_of(folder: Path) -> dict[int, Trial]:
    """The trials in a search's journal, by number."""
    try:
        study = studies.read_study(folder)
    except ValueError:  # it is not that far
        return {}
    found = {}
    for trial in studies.trials(study):
        curve = tuple(
            json.dumps(epoch, sort_keys=True) for epoch in tiny.curve(records.epochs(trial))
        )
        config = json.dumps(records.CONFIG.read(trial), sort_keys=True)
        found[trial.number] = Trial(config, trial.state.name, trial.value, curve)
    return found


def finished(trials: dict[int, Trial]) -> dict[int, Trial]:
    return {number: trial for number, trial in trials.items() if trial.state == "COMPLETE"}


def running(folder: Path) -> set[int]:
    """Numbers of the trials that run at the moment."""
    try:
        return {
            trial.number
            for trial in studies.read_study(folder).get_trials(
                deepcopy=False, states=(TrialState.RUNNING,)
            )
        }
    except ValueError:
        return set()


class Round:
    """One search: started, killed and resumed until it ends, then examined."""

    def __init__(self, chaos: "Chaos", number: int, server: Server | None) -> None:
        self.chaos, self.number, self.server = chaos, number, server
        self.place, self.figures, self.reference = chaos.place, chaos.figures, chaos.reference
        self.base = self.place.work / f"round-{number:03d}"
        self.results = self.base / "results"
        self.folder = self.results / NAME
        self.base.mkdir()
        self.uri = server.uri if server else f"sqlite:///{self.results / 'mlflow.db'}"
        self.sessions: list[Session] = []
        self.story = ""
        self.hits: Counter[int] = Counter()
        self.seen: dict[int, Trial] = {}
        self.server_was_killed = False
        self.timeout = max(180.0, 6 * self.reference.whole)

    def play(self, plan: list[Kill]) -> None:
        """Sessions until one ends by itself."""
        failures = 0
        while True:
            session = self.begin()
            try:
                struck = self.strike(session, plan)
                session.until(lambda: False, session.elapsed + self.timeout)
            except TimeoutError:
                struck = []
                self.figures.blame("hangs", f"round {self.number}, {session.log}")
                session.destroy()
            self.tell(session)
            failures = 0 if self.judge(session, struck) else failures + 1
            if session.code == 0:
                break
            if failures == ATTEMPTS:
                self.figures.blame("searches given up", f"round {self.number}, {session.log}")
                break
        self.examine()

    def begin(self) -> Session:
        """The search's next process: a resumption where it exists on disk, else its start."""
        if self.server:
            self.server.wait()
        if (self.folder / "spec.json").is_file():
            argv = ["search.run", "--resume", NAME, "--results", str(self.results)]
            self.figures.resumed += 1
        else:
            argv = self.place.start(self.results, self.uri)
            self.figures.started_again += bool(self.sessions)
        session = Session(
            self.place, argv, self.folder, self.base / f"session-{len(self.sessions):02d}.log"
        )
        self.sessions.append(session)
        self.server_was_killed = False
        return session

    def strike(self, session: Session, plan: list[Kill]) -> list[Kill]:
        """Carry out the next planned kills, up to one that ends the process; returns those that
        hit."""
        struck: list[Kill] = []
        while plan and self.chaos.may_kill():
            kill = plan[0]
            if not session.until(functools.partial(self.is_due, session, kill), self.timeout):
                break
            moment = session.elapsed + kill.delay
            if not session.until(
                functools.partial(self.may_be_hit, session, kill, moment), self.timeout
            ):
                break
            plan.pop(0)
            self.hit(session, kill)
            struck.append(kill)
            if kill.kind not in GOES_ON:
                break
        return struck

    def may_be_hit(self, session: Session, kill: Kill, moment: float) -> bool:
        """Whether it is that late, and what is to be killed is there."""
        return session.elapsed >= moment and bool(session.victims(kill.kind))

    def is_due(self, session: Session, kill: Kill) -> bool:
        """Whether the moment has come, which is measured in what the journal has."""
        if kill.phase == "start":
            return session.elapsed >= kill.share * self.chaos.startup or session.went_on is not None
        ended, _ = session.progress()
        left = self.place.trials - session.had_finished
        if kill.phase == "trials" and left > 0:
            return (
                ended >= session.had_finished + int(kill.share * min(left, 5))
                and session.went_on is not None
            )
        return ended >= self.place.trials and session.elapsed >= 0.8 * self.chaos.startup

    def hit(self, session: Session, kill: Kill) -> None:
        """Kill, and note what was there before."""
        ended, epochs = session.progress()
        self.seen.update(finished(trials_of(self.folder)))
        session.note_shared_memory()
        session.look()
        victims = session.victims(kill.kind)
        before = running(self.folder) if kill.kind == "worker" else set()
        self.figures.kills[kill.kind] += 1
        self.figures.phases[kill.phase] += 1
        self.story += (
            f"; {kill.kind} killed in {kill.phase} at {session.elapsed:.1f} s ({ended} trials,"
            f" {epochs} epochs)"
        )
        if kill.kind == "server" and self.server:
            self.server.kill(back_after=20 * kill.share)
            self.server_was_killed = True
        elif kill.kind == "group":
            kill_group(session.process)
        else:
            sent = {"int": signal.SIGINT, "term": signal.SIGTERM}.get(kill.kind, signal.SIGKILL)
            with contextlib.suppress(psutil.Error, IndexError):
                victims[int(kill.share * len(victims))].send_signal(sent)
        if kill.kind == "worker":
            time.sleep(0.5)
            self.hits.update(
                before | running(self.folder)
            )  # one of these was hit; which, only Ray knows

    def tell(self, session: Session) -> None:
        """A line a process: when it went on, what was killed, how it ended."""
        resumed = len(self.sessions) > 1
        first = (
            "no new epoch"
            if session.went_on is None
            else f"first epoch after {session.went_on:.1f} s"
        )
        if session.went_on is not None:
            self.chaos.startups.append(session.went_on)
            if resumed:
                self.figures.went_on_after.append(session.went_on)
        ended = f"ended with {session.code} after {session.elapsed:.1f} s"
        say(f"  round {self.number} process {len(self.sessions)}: {first}{self.story}; {ended}")
        self.story = ""
        self.seen.update(finished(trials_of(self.folder)))

    def judge(self, session: Session, struck: list[Kill]) -> bool:
        """Whether a process ended as it may."""
        allowed = CODES.get(struck[-1].kind, {0}) if struck else {0}
        output = session.output
        fine = True
        if struck and self.only_python_was_there(session, struck[-1].kind):
            self.figures.met_by_python += 1
            return True
        if struck and self.only_ray_was_there(session, struck[-1]):
            self.figures.ended_by_ray += 1
            return True
        if (
            any(kill.kind == "server" for kill in struck)
            and session.code == 2
            and "MLflow cannot record" in output
        ):
            return True  # refused, as where no server is
        if session.code not in allowed or (session.code == 1 and "error: " not in output):
            last = output.strip().splitlines()[-1:] or [""]
            self.figures.blame(
                "exit codes",
                f"{session.code}, allowed {sorted(allowed)}, {session.log}: {last[0][:200]}",
            )
            fine = False
        if "Traceback" in output:
            self.figures.blame("tracebacks", str(session.log))
            fine = False
        return fine

    def only_python_was_there(self, session: Session, kind: str) -> bool:
        """A signal found Python importing, or done and ending: nothing of ours can answer it then,
        and nothing is lost."""
        code = {"int": -signal.SIGINT, "term": -signal.SIGTERM}.get(kind)
        importing, done = (
            not session.output.startswith("data "),
            "-m search.train best.yaml" in session.output,
        )
        return session.code == code and (importing or done)

    def only_ray_was_there(self, session: Session, kill: Kill) -> bool:
        """Ray's C++ was registering the driver with its raylet, and ends the process itself, by
        _exit(1), where that is gone."""
        unsaid = "error: " not in session.output and "Traceback" not in session.output
        return (kill.kind, kill.phase) == ("raylet", "start") and session.code == 1 and unsaid

    def examine(self) -> None:
        """Everything that has to hold once the search is over."""
        self.compare(trials_of(self.folder))
        if self.server:
            self.server.wait()
        if self.server_was_killed and not self.mlflow_problems():
            self.server_was_killed = False
        if self.server_was_killed:
            self.sync()
        for what, detail in self.mlflow_problems():
            self.figures.blame(what, f"round {self.number}, {self.results}: {detail}")
        self.leftovers()

    def compare(self, found: dict[int, Trial]) -> None:
        """The journal with the reference's."""
        expected = self.reference.trials
        excused = {
            number
            for number, times in self.hits.items()
            if times > 1 and number in found and found[number].state == "FAIL"
        }
        self.figures.failed_twice_killed += len(excused)
        where = f"round {self.number}, {self.folder}"
        for number, trial in self.seen.items():
            if found.get(number) != trial:
                self.figures.blame("finished trials lost or changed", f"{where}: trial {number}")
        for number in expected.keys() - found.keys():
            self.figures.blame("trials lost", f"{where}: trial {number}")
        for number in found.keys() - expected.keys():
            self.figures.blame("trials doubled", f"{where}: trial {number}")
        for number in sorted(expected.keys() & found.keys() - excused):
            if found[number] != expected[number]:
                self.figures.blame(
                    "trials changed",
                    f"{where}: trial {number}, {difference(expected[number], found[number])}",
                )
        if best(found) != best(
            {number: trial for number, trial in expected.items() if number not in excused}
        ):
            self.figures.blame("best changed", where)

    def sync(self) -> None:
        """Log from outside what MLflow lacks after its server was away at the end."""
        argv = [
            sys.executable,
            "-m",
            "search.sync",
            NAME,
            "--results",
            str(self.results),
            "--tracking-uri",
            self.uri,
        ]
        done = subprocess.run(
            argv,
            cwd=self.place.code,
            env=self.place.environment,
            capture_output=True,
            text=True,
            timeout=self.timeout,
        )
        self.figures.synced += 1
        (self.base / "sync.log").write_text(done.stdout + done.stderr, encoding="utf-8")
        say(f"  round {self.number}: search.sync ended with {done.returncode}")
        if done.returncode != 0 or "Traceback" in done.stderr:
            self.figures.blame(
                "exit codes", f"search.sync: {done.returncode}, {self.base / 'sync.log'}"
            )

    def mlflow_problems(self) -> list[tuple[str, str]]:
        """What MLflow has otherwise than the journal."""
        return list(mlflow_problems(self.uri, self.folder))

    def leftovers(self) -> None:
        """Processes, folders and shared memory of this search, when it has had time to go."""
        deadline = time.monotonic() + GRACE
        while time.monotonic() < deadline and any(session.left() for session in self.sessions):
            time.sleep(0.3)
        for session in self.sessions:
            for process in session.left():
                self.figures.blame(
                    "processes left", f"round {self.number}, {session.log}: {process}"
                )
            for path in session.shared:
                if Path(path).exists():
                    self.figures.blame(
                        "shared memory left", f"round {self.number}, {session.log}: {path}"
                    )
            session.destroy()
        for harmed in tiny.harmed(self.place.temp):
            self.figures.blame("a user's folders harmed", f"round {self.number}: {harmed}")
        for folder in set(self.place.temp.glob("regimen-*")) - {
            self.place.temp / name for name in tiny.STRANGERS
        }:
            names = [str(path.relative_to(folder)) for path in folder.rglob("*")]
            self.figures.blame(
                "folders left",
                f"round {self.number}: {folder}, {len(names)} files and folders, {names[:4]}",
            )
            shutil.rmtree(folder, ignore_errors=True)


def difference(expected: Trial, found: Trial) -> str:
    """In what two trials differ."""
    fields = ("config", "state", "value", "curve")
    names = [name for name in fields if getattr(expected, name) != getattr(found, name)]
    return (
        f"{', '.join(names)}: {found.state} with {len(found.curve)} epochs, expected"
        f" {expected.state} with {len(expected.curve)}"
    )


def best(trials: dict[int, Trial]) -> str | None:
    """The configuration of the best trial; the earlier one of equals."""
    ranked = sorted(finished(trials).items(), key=lambda item: (-(item[1].value or 0.0), item[0]))
    return ranked[0][1].config if ranked else None


def mlflow_problems(uri: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Each difference between a search's runs in MLflow and its journal: what kind, and which."""
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name(recorder.EXPERIMENT)
    runs = (
        client.search_runs(
            [experiment.experiment_id], "tags.`regimen.search` = 'chaos'", max_results=10000
        )
        if experiment
        else []
    )
    mine = studies.read_study(folder).user_attrs[records.TAGS.name][IDENTITY]
    parents = [
        run
        for run in runs
        if run.data.tags["regimen.kind"] == "search" and run.data.tags.get(IDENTITY) == mine
    ]
    if len(parents) != 1:
        yield ("MLflow doubled" if parents else "MLflow missing"), f"{len(parents)} parent runs"
    roots = {run.info.run_id for run in parents}
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") in roots]
    for run in [*parents, *children]:
        if run.info.status == "RUNNING":
            yield "MLflow RUNNING", run.data.tags.get("mlflow.runName", run.info.run_id)
    for run in parents:
        if run.info.status not in ("RUNNING", "FINISHED"):
            yield "MLflow status", f"the parent run is {run.info.status}"
    status = {"COMPLETE": "FINISHED", "FAIL": "FAILED", "PRUNED": "KILLED"}
    study = (
        {trial.number: trial for trial in studies.trials(studies.read_study(folder))}
        if (folder / studies.JOURNAL).is_file()
        else {}
    )
    by_number: dict[int, list[Any]] = {number: [] for number in study}
    for run in children:
        by_number.setdefault(int(run.data.tags["regimen.trial"]), []).append(run)
    for number, mine in by_number.items():
        if len(mine) != (number in study):
            yield (
                ("MLflow doubled" if len(mine) > (number in study) else "MLflow missing"),
                f"{len(mine)} runs of trial {number}",
            )
        for run in mine:
            if number in study:
                if run.info.status not in ("RUNNING", status[study[number].state.name]):
                    yield (
                        "MLflow status",
                        f"trial {number} is {study[number].state.name}, its run {run.info.status}",
                    )
                yield from metric_problems(
                    client, run.info.run_id, number, records.epochs(study[number])
                )


def metric_problems(
    client: MlflowClient, run: str, number: int, epochs: list[dict[str, Any]]
) -> Iterator[tuple[str, str]]:
    """Each metric's history against the journal's epochs.

    What the machine did is another matter: a trial that ran twice has two.
    """
    for name in (*recorder.EPOCH_METRICS, "epoch"):
        expected = {
            epoch["epoch"]: float(epoch[name]) for epoch in epochs if epoch.get(name) is not None
        }
        history = client.get_metric_history(run, name)
        steps = Counter(metric.step for metric in history)
        if twice := [step for step, times in steps.items() if times > 1 or step not in expected]:
            yield "MLflow doubled", f"trial {number}, {name}, epochs {twice}"
        if missing := sorted(expected.keys() - steps.keys()):
            yield "MLflow missing", f"trial {number}, {name}, epochs {missing}"
        if name not in ("seconds", *SYSTEM_METRICS) and any(
            expected.get(metric.step, metric.value) != metric.value for metric in history
        ):
            yield "MLflow status", f"trial {number}, {name} has other values than the journal"


class Chaos:
    """Rounds until the time is over or the kills are done."""

    def __init__(self, place: Place, seed: int, minutes: float | None, kills: int | None) -> None:
        self.place, self.random, self.kills = place, random.Random(seed), kills
        self.figures = Figures()
        self.minutes, self.deadline = minutes, math.inf
        self.reference = Reference({}, 0.0, 0.0)
        self.startups: list[float] = []

    @property
    def startup(self) -> float:
        """Seconds until a search's first epoch, of late: that depends on what else the machine
        does."""
        return statistics.median(self.startups[-5:])

    def may_kill(self) -> bool:
        """Whether there is time for, and need of, another kill."""
        done = sum(self.figures.kills.values())
        return time.monotonic() < self.deadline and (self.kills is None or done < self.kills)

    def run(self) -> Figures:
        """The reference, then the rounds."""
        self.reference = self.refer()
        if self.minutes is not None:
            self.deadline = time.monotonic() + 60 * self.minutes
        server = None
        if self.kills is None:
            server = Server(self.place.work / "server")
            server.start()
        try:
            while self.may_kill():
                self.figures.rounds += 1
                using = server if server and self.figures.rounds % 2 else None
                self.play(Round(self, self.figures.rounds, using))
        finally:
            if server:
                server.kill()
        return self.figures

    def play(self, round_: Round) -> None:
        plan = [self.draw(round_.server is not None) for _ in range(self.random.randint(5, 12))]
        plan.sort(
            key=lambda kill: kill.phase == "end"
        )  # after which there are no trials to be killed in
        say(
            f"round {round_.number}, MLflow {'at a server' if round_.server else 'in sqlite'}:"
            f" {len(plan)} kills planned"
        )
        try:
            round_.play(plan)
        finally:
            for session in round_.sessions:
                session.destroy()

    def draw(self, with_server: bool) -> Kill:
        """The next kill. Trials are trained by workers, so these are killed there."""
        kinds = (
            {"driver": 1}
            if self.kills is not None
            else {kind: often for kind, often in KINDS.items() if kind != "server" or with_server}
        )
        (kind,) = self.random.choices(list(kinds), list(kinds.values()))
        (phase,) = self.random.choices(list(PHASES), list(PHASES.values()))
        share, delay = self.random.random(), self.random.random()
        if kind == "worker":
            phase = "trials"
        return Kill(kind, phase, share, delay * self.reference.tail if phase == "end" else delay)

    def refer(self) -> Reference:
        """Run the search undisturbed."""
        results = self.place.work / "reference"
        uri = f"sqlite:///{results / 'mlflow.db'}"
        session = Session(
            self.place,
            self.place.start(results, uri),
            results / NAME,
            self.place.work / "reference.log",
        )
        ended = None
        try:
            session.until(lambda: session.progress()[0] >= self.place.trials, 600)
            ended = session.elapsed
            session.until(lambda: False, 600)
        finally:
            session.destroy()
        whole, found = session.elapsed, trials_of(results / NAME)
        if session.code != 0 or len(finished(found)) != self.place.trials:
            raise RuntimeError(
                f"the undisturbed search ended with {session.code} and {len(finished(found))}"
                f" trials: {session.output}"
            )
        for what, detail in mlflow_problems(uri, results / NAME):
            self.figures.blame(what, f"undisturbed search: {detail}")
        startup = session.went_on or whole
        say(
            f"undisturbed: first epoch after {startup:.1f} s, last trial after {ended:.1f} s, ended"
            f" after {whole:.1f} s"
        )
        self.startups.append(startup)
        return Reference(found, whole - ended, whole)


def table(figures: Figures) -> str:
    """The figures, a line each."""
    rows: dict[str, Any] = {"rounds": figures.rounds, "kills": sum(figures.kills.values())}
    rows |= {f"kills: {kind}": count for kind, count in sorted(figures.kills.items())}
    rows |= {f"kills in phase: {phase}": count for phase, count in sorted(figures.phases.items())}
    rows |= {
        "resumed": figures.resumed,
        "started again": figures.started_again,
        "signals met before or after our code": figures.met_by_python,
        "ended by Ray while it connected, without a line": figures.ended_by_ray,
        "trials failed, their workers killed twice": figures.failed_twice_killed,
        "search.sync runs": figures.synced,
        "resumed search went on after, s": figures.to_dict()["went_on_after"],
    }
    rows |= {f"WRONG {what}" if count else what: count for what, count in figures.wrong.items()}
    return "\n".join(f"{name:<45} {value}" for name, value in rows.items())


def parse(argv: list[str] | None) -> argparse.Namespace:
    p = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    p.add_argument(
        "--minutes", type=float, help="kill for so long; the last search is then left to end"
    )
    p.add_argument("--kills", type=int, help="instead: so many kill -9 of the driver")
    p.add_argument("--seed", type=int, default=0, help="of what is killed when (default: 0)")
    p.add_argument("--trials", type=int, default=20, help="of a search (default: 20)")
    p.add_argument(
        "--keep",
        type=Path,
        metavar="DIR",
        help="work there and leave everything (default: left only where something is wrong)",
    )
    p.add_argument("--out", type=Path, metavar="FILE", help="write the figures as JSON")
    args = p.parse_args(argv)
    if (args.minutes is None) == (args.kills is None):
        p.error("give --minutes or --kills")
    return args


def main(argv: list[str] | None = None) -> int:
    """Returns 0 where all is well, else 1."""
    args = parse(argv)
    work = args.keep.resolve() if args.keep else Path(tempfile.mkdtemp(prefix="chaos-"))
    work.mkdir(parents=True, exist_ok=True)
    place = Place(work, Path(tempfile.mkdtemp(prefix="chaos-", dir="/tmp")), args.trials)
    place.fill()
    chaos = Chaos(place, args.seed, args.minutes, args.kills)
    try:
        figures = chaos.run()
    finally:
        shutil.rmtree(place.temp, ignore_errors=True)
    print(table(figures))
    if args.out:
        args.out.write_text(json.dumps(figures.to_dict(), indent=2) + "\n", encoding="utf-8")
    well = not any(figures.wrong.values())
    if well and not args.keep:
        shutil.rmtree(work)
    elif not well:
        print(f"everything is in {work}")
    return 0 if well else 1


if __name__ == "__main__":
    raise SystemExit(main())
