"""The undisturbed search, then rounds of kills until the time is over or the kills are done."""

import math
import random
import time

from tests.chaos.examination import examine
from tests.chaos.journal import complete, read_trials
from tests.chaos.kills import Kill, draw_plan
from tests.chaos.mlflow_check import mlflow_problems
from tests.chaos.outcome import Outcome, log
from tests.chaos.round import Reference, Round
from tests.chaos.server import Server
from tests.chaos.session import Session
from tests.chaos.workspace import SEARCH_NAME, Workspace

REFERENCE_TIMEOUT_SECONDS = 600


class Campaign:
    """Searches that are killed for `minutes`, or until `kills` drivers were killed."""

    def __init__(
        self, workspace: Workspace, seed: int, minutes: float | None, kills: int | None
    ) -> None:
        self.workspace, self.dice = workspace, random.Random(seed)
        self.minutes, self.kills = minutes, kills
        self.deadline = math.inf
        self.outcome = Outcome()

    def run(self) -> Outcome:
        """Run the undisturbed search and the rounds; every other one uses an MLflow server."""
        reference = self._run_undisturbed()
        if self.minutes is not None:
            self.deadline = time.monotonic() + 60 * self.minutes
        server = None
        if self.kills is None:
            server = Server(self.workspace.folder / "server")
            server.start()
        try:
            while self._may_kill():
                self.outcome.rounds += 1
                number = self.outcome.rounds
                used = server if number % 2 else None
                self._play(Round(number, self.workspace, reference, self.outcome, used))
        finally:
            if server:
                server.kill()
        return self.outcome

    def _may_kill(self) -> bool:
        """Whether another kill is wanted and there is time for it."""
        if self.kills is not None and self.outcome.kills.total() >= self.kills:
            return False
        return time.monotonic() < self.deadline

    def _play(self, search: Round) -> None:
        plan: list[Kill] = draw_plan(
            self.dice,
            with_server=search.server is not None,
            drivers_only=self.kills is not None,
            end_seconds=search.reference.end_seconds,
        )
        store = "at a server" if search.server else "in sqlite"
        log(f"round {search.number}, MLflow {store}: {len(plan)} kills planned")
        try:
            search.play(plan, self._may_kill)
            examine(search)
        finally:
            for session in search.sessions:
                session.destroy()

    def _run_undisturbed(self) -> Reference:
        """Raises RuntimeError where the search does not complete every trial."""
        results = self.workspace.folder / "reference"
        uri, folder = f"sqlite:///{results / 'mlflow.db'}", results / SEARCH_NAME
        argv = self.workspace.search_command(results, uri)
        session = Session(self.workspace, argv, folder, self.workspace.folder / "reference.log")
        last_trial = math.nan
        try:
            session.wait_until(
                lambda: session.progress()[0] >= self.workspace.trials, REFERENCE_TIMEOUT_SECONDS
            )
            last_trial = session.elapsed
            session.wait(REFERENCE_TIMEOUT_SECONDS)
        finally:
            session.destroy()
        total, trials = session.elapsed, read_trials(folder)
        if session.exit_code != 0 or len(complete(trials)) != self.workspace.trials:
            raise RuntimeError(
                f"the undisturbed search ended with {session.exit_code} and"
                f" {len(complete(trials))} trials: {session.output}"
            )
        for kind, detail in mlflow_problems(uri, folder):
            self.outcome.add_problem(kind, f"undisturbed search: {detail}")
        startup = session.first_epoch_seconds or total
        log(
            f"undisturbed: first epoch after {startup:.1f} s, last trial after {last_trial:.1f} s,"
            f" ended after {total:.1f} s"
        )
        return Reference(trials, total - last_trial, total, [startup])
