"""The ledger of the choice and report runs in flight: which is due next, and what they report."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import ray

from analysis.metric import run_score
from search.cluster.watchdog import ray_is_alive
from search.study import records
from search.study.records import Record
from search.trials.choice_and_report import ChoiceAndReport, Round, Run, Untested
from search.trials.faults import Fault, Losses
from search.trials.ledger import not_a_number
from search.trials.worker import ValidationPredictions
from search.worker_reports import RUN_FAILED, RUN_FINISHED, WORKER_LOST


class Watcher(Protocol):
    """Shows the runs."""

    def begin(self, round: Round) -> None:
        """A round of runs begins."""

    def started(self, run: Run) -> None:
        """A run has a worker."""

    def epoch_ended(self, run: Run, epoch: Record) -> None:
        """A run has ended an epoch."""

    def queued(self, run: Run) -> None:
        """A run has lost its worker, and waits for another."""

    def ended(self, run: Run, result: str) -> None:
        """A run has ended."""


@dataclass
class _InFlight:
    """A run that Ray has."""

    run: Run
    epochs: list[Record] = field(default_factory=list)
    started: bool = False
    last_words: str | None = None
    """Why its worker is about to end, if it said so."""


class RunLedger:
    """The runs of the choice and of the report by Ray's trial id.

    `test_inputs` returns what a worker needs to test a model, in the object store; None where there
    is no test split. It is called for report runs only.
    """

    def __init__(
        self,
        plan: ChoiceAndReport,
        test_inputs: Callable[[], ray.ObjectRef | None],
        watcher: Watcher,
    ) -> None:
        self.plan, self.test_inputs, self.watcher = plan, test_inputs, watcher
        self._in_flight: dict[str, _InFlight] = {}
        self._rounds: Iterator[Round] = plan.rounds()
        self._round: Round | None = None
        self._queue: deque[Run] = deque()
        self._lost: dict[Run, Losses] = {}
        self.untested: Untested | None = None
        """Why a report run could not be tested. The others go on: they take longer than a test."""

    def __contains__(self, ray_id: str) -> bool:
        """Whether a run of this id is in flight."""
        return ray_id in self._in_flight

    def __len__(self) -> int:
        """How many runs are in flight."""
        return len(self._in_flight)

    def run(self, ray_id: str) -> Run:
        """The run of this id."""
        return self._in_flight[ray_id].run

    @property
    def is_due(self) -> bool:
        """Whether a run is to start now: not if the next ones depend on what is in flight."""
        if not self._queue and not self._in_flight:
            self._round = next(self._rounds, None)
            if self._round is not None:
                self._queue.extend(self._round.runs)
                self.watcher.begin(self._round)
        return bool(self._queue)

    @property
    def all_started(self) -> bool:
        """Whether no other run is to start."""
        last = self._round is not None and not self._round.choosing and self._round.runs_left == 0
        return last and not self._queue

    def ask(self, ray_id: str) -> dict[str, Any]:
        """The parameters of the next run, which is due."""
        run = self._queue.popleft()
        self._in_flight[ray_id] = _InFlight(run)
        test_inputs = self.test_inputs() if run.reports else None
        return {
            "trial": run.trial,
            "config": run.config,
            "seed": run.seed,
            "test_inputs": test_inputs,
        }

    def started(self, ray_id: str) -> None:
        """A run has a worker."""
        entry = self._in_flight[ray_id]
        if not entry.started:
            entry.started = True
            self.watcher.started(entry.run)

    def report(self, ray_id: str, report: dict[str, Any]) -> bool:
        """Take a run's report; record the run if it is done. Returns whether it continues."""
        entry = self._in_flight.get(ray_id)
        if entry is None:
            return False
        if RUN_FAILED in report:
            self._fail(ray_id, report[RUN_FAILED])
        elif WORKER_LOST in report:
            entry.last_words = report[WORKER_LOST]
        elif RUN_FINISHED in report:
            self._finish(ray_id, report[RUN_FINISHED])
        elif problem := not_a_number(report):
            self._fail(ray_id, problem)
        else:
            entry.epochs.append(records.epoch_of(report))
            self.watcher.epoch_ended(entry.run, entry.epochs[-1])
        return ray_id in self._in_flight

    def ended(self, ray_id: str, fault: Fault | None = None) -> None:
        """Ray is done with a run; `fault` says why its worker died, if it did.

        If it is still in flight here, it is queued again, unless it has lost too many workers.
        """
        if ray_id not in self._in_flight or (fault is not None and not ray_is_alive()):
            return
        entry = self._in_flight[ray_id]
        lost = self._lost.get(entry.run, Losses()).after(fault)
        self._lost[entry.run] = lost
        if reason := lost.too_many(entry.last_words):
            self._fail(ray_id, reason)
            return
        del self._in_flight[ray_id]
        self._queue.appendleft(entry.run)
        self.watcher.queued(entry.run)

    def _finish(self, ray_id: str, predictions: ValidationPredictions) -> None:
        entry = self._in_flight[ray_id]
        if not entry.epochs:
            self._fail(ray_id, "it ended without an epoch")
            return
        del self._in_flight[ray_id]
        try:
            self.plan.record(entry.run, entry.epochs, predictions)
        except Untested as error:
            self.untested = error
        score = run_score(entry.epochs, self.plan.spec.metric)
        self.watcher.ended(entry.run, f"{100 * score:.1f} % on validation")

    def _fail(self, ray_id: str, reason: str) -> None:
        run = self._in_flight.pop(ray_id).run
        try:
            self.plan.fail(run, reason)
        except Untested as error:
            self.untested = error
        self.watcher.ended(run, f"failed: {reason}")
