"""One search: started, killed and resumed until it ends."""

import contextlib
import functools
import signal
import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from tests.chaos.exit_check import check_exit
from tests.chaos.journal import Trial, complete, read_running, read_trials
from tests.chaos.kills import CONTINUES_AFTER, SIGNALS, Kill
from tests.chaos.outcome import Outcome, log
from tests.chaos.server import Server
from tests.chaos.session import Session
from tests.chaos.workspace import SEARCH_NAME, Workspace
from tests.mlflow_server import kill_group

MAX_FAILURES = 4
"""Failures in a row after which a search is given up."""
MIN_TIMEOUT_SECONDS = 180.0


@dataclass(frozen=True)
class Reference:
    """The undisturbed search: its trials, and its seconds in all and after the last trial."""

    trials: dict[int, Trial]
    end_seconds: float
    total_seconds: float
    startups: list[float]
    """Seconds until the first epoch, of every process since."""

    @property
    def startup_seconds(self) -> float:
        """A process's seconds until its first epoch, which depend on the machine's load of late."""
        return statistics.median(self.startups[-5:])


class Round:
    """A search that is killed: its processes, and what it had before each kill."""

    def __init__(
        self,
        number: int,
        workspace: Workspace,
        reference: Reference,
        outcome: Outcome,
        server: Server | None,
    ) -> None:
        self.number, self.workspace, self.server = number, workspace, server
        self.reference, self.outcome = reference, outcome
        self.base = workspace.folder / f"round-{number:03d}"
        self.results = self.base / "results"
        self.folder = self.results / SEARCH_NAME
        self.base.mkdir()
        self.uri = server.uri if server else f"sqlite:///{self.results / 'mlflow.db'}"
        self.timeout = max(MIN_TIMEOUT_SECONDS, 6 * reference.total_seconds)
        self.sessions: list[Session] = []
        self.completed: dict[int, Trial] = {}
        """Trials as they were when they were first seen completed, before later kills."""
        self.possibly_killed: Counter[int] = Counter()
        """How often a worker was killed while these trials ran."""
        self.server_was_killed = False
        self._log_of_kills = ""

    def play(self, plan: list[Kill], may_kill: Callable[[], bool]) -> None:
        """Start processes and kill them as planned until one ends by itself."""
        failures = 0
        while True:
            session = self._start()
            try:
                kills = self._carry_out(session, plan, may_kill)
                session.wait(session.elapsed + self.timeout)
            except TimeoutError:
                kills = []
                self.outcome.add_problem("hangs", f"round {self.number}, {session.log}")
                session.destroy()
            self._log_end(session)
            failures = 0 if check_exit(session, kills, self.outcome) else failures + 1
            if session.exit_code == 0:
                return
            if failures == MAX_FAILURES:
                self.outcome.add_problem("searches given up", f"round {self.number}, {session.log}")
                return

    def _start(self) -> Session:
        """Start the search's next process: resume the search if its folder has a spec."""
        if self.server:
            self.server.wait()
        if (self.folder / "spec.json").is_file():
            argv = ["search.run", "--resume", SEARCH_NAME, "--results", str(self.results)]
            self.outcome.resumed += 1
        else:
            argv = self.workspace.search_command(self.results, self.uri)
            self.outcome.restarted += bool(self.sessions)
        log_file = self.base / f"session-{len(self.sessions):02d}.log"
        session = Session(self.workspace, argv, self.folder, log_file)
        self.sessions.append(session)
        self.server_was_killed = False
        return session

    def _carry_out(
        self, session: Session, plan: list[Kill], may_kill: Callable[[], bool]
    ) -> list[Kill]:
        """Carry out planned kills up to one that ends the process; return those that hit."""
        kills: list[Kill] = []
        while plan and may_kill():
            kill = plan[0]
            if not session.wait_until(
                functools.partial(self._phase_reached, session, kill), self.timeout
            ):
                break
            ready = functools.partial(self._can_hit, session, kill, session.elapsed + kill.delay)
            if not session.wait_until(ready, self.timeout):
                break
            plan.pop(0)
            self._hit(session, kill)
            kills.append(kill)
            if kill.kind not in CONTINUES_AFTER:
                break
        return kills

    def _can_hit(self, session: Session, kill: Kill, earliest: float) -> bool:
        """Whether that many seconds have passed and there is a process to kill."""
        return session.elapsed >= earliest and bool(session.victims(kill.kind))

    def _phase_reached(self, session: Session, kill: Kill) -> bool:
        """Whether the search is at the kill's position, as measured by its journal."""
        startup = self.reference.startup_seconds
        if kill.phase == "start":
            at = kill.position * startup
            return session.elapsed >= at or session.first_epoch_seconds is not None
        ended, _ = session.progress()
        left = self.workspace.trials - session.finished_before
        if kill.phase == "trials" and left > 0:
            enough = ended >= session.finished_before + int(kill.position * min(left, 5))
            return enough and session.first_epoch_seconds is not None
        return ended >= self.workspace.trials and session.elapsed >= 0.8 * startup

    def _hit(self, session: Session, kill: Kill) -> None:
        """Kill, and note first what the search had."""
        ended, epochs = session.progress()
        self.completed.update(complete(read_trials(self.folder)))
        session.note_shared_memory()
        session.poll()
        victims = session.victims(kill.kind)
        running = read_running(self.folder) if kill.kind == "worker" else set()
        self.outcome.kills[kill.kind] += 1
        self.outcome.phases[kill.phase] += 1
        self._log_of_kills += (
            f"; {kill.kind} killed in {kill.phase} at {session.elapsed:.1f} s ({ended} trials,"
            f" {epochs} epochs)"
        )
        if kill.kind == "server" and self.server:
            self.server.kill(restart_after=20 * kill.position)
            self.server_was_killed = True
        elif kill.kind == "group":
            kill_group(session.process)
        else:
            with contextlib.suppress(psutil.Error, IndexError):
                victim = victims[int(kill.position * len(victims))]
                victim.send_signal(SIGNALS.get(kill.kind, signal.SIGKILL))
        if kill.kind == "worker":
            time.sleep(0.5)
            # The worker ran one of these; only Ray knows which.
            self.possibly_killed.update(running | read_running(self.folder))

    def _log_end(self, session: Session) -> None:
        """Print when a process had its first epoch, what was killed, and how it ended."""
        seconds = session.first_epoch_seconds
        first = "no new epoch" if seconds is None else f"first epoch after {seconds:.1f} s"
        end = f"ended with {session.exit_code} after {session.elapsed:.1f} s"
        process = f"round {self.number} process {len(self.sessions)}"
        log(f"  {process}: {first}{self._log_of_kills}; {end}")
        if seconds is not None:
            self.reference.startups.append(seconds)
            if len(self.sessions) > 1:
                self.outcome.seconds_to_resume.append(seconds)
        self._log_of_kills = ""
        self.completed.update(complete(read_trials(self.folder)))
