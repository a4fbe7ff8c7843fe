"""Processes on one GPU that begin to measure at the same time."""

import contextlib
import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

from tests.benchmarks.gpu.job import READY, Failed, Job, Setting, serve

START_SECONDS = 90.0
"""Time for a process to start, import everything and finish its warm-up."""
LEAD_SECONDS = 0.2
"""Time between the message to start and the start."""


class Worker(NamedTuple):
    """A process and the connection to it."""

    process: Any
    connection: Any


class ProcessPool:
    """Processes of one setting, started when needed and reused; one that died is replaced."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.workers: list[Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self.workers:
            _send(worker, None)
        for worker in self.workers:
            worker.process.join(0 if error else 10)
            _end(worker)

    def run(
        self, jobs: Sequence[Job], seconds: float, start_seconds: float = START_SECONDS
    ) -> list[Any]:
        """Run each job in a process of its own; return results or `Failed`, in order.

        They begin to measure at the same time, when all are ready; if one fails before that, none
        begins. A job may take `start_seconds` until it is ready and `seconds` after that; then its
        process is killed.
        """
        self.workers = [worker for worker in self.workers if worker.process.is_alive()]
        while len(self.workers) < len(jobs):
            self.workers.append(_start(self.setting))
        for worker, job in zip(self.workers, jobs):
            _send(worker, job)
        answers = _receive(self.workers[: len(jobs)], start_seconds)
        waiting = [worker for worker, answer in zip(self.workers, answers) if answer == READY]
        begin = time.monotonic() + LEAD_SECONDS if len(waiting) == len(jobs) else None
        for worker in waiting:
            _send(worker, begin)
        last = iter(_receive(waiting, LEAD_SECONDS + seconds))
        return [next(last) if answer == READY else answer for answer in answers]


def _start(setting: Setting) -> Worker:
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=serve, args=(theirs, setting), daemon=True)
    environment = dict(setting.environment)
    if setting.determinism != "none":
        environment["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    with _variables(environment):
        process.start()
    theirs.close()
    return Worker(process, ours)


@contextlib.contextmanager
def _variables(environment: dict[str, str]) -> Iterator[None]:
    """Set environment variables for processes that are started in this context."""
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _send(worker: Worker, message: Any) -> None:
    with contextlib.suppress(OSError):  # it is dead, as `_receive` will report
        worker.connection.send(message)


def _receive(workers: Sequence[Worker], seconds: float) -> list[Any]:
    """The next message of each; a process that sends none in time is killed."""
    deadline = time.monotonic() + seconds
    return [_next_message(worker, deadline, seconds) for worker in workers]


def _next_message(worker: Worker, deadline: float, seconds: float) -> Any:
    try:
        if worker.connection.poll(max(0.0, deadline - time.monotonic())):
            return worker.connection.recv()
    except (EOFError, OSError):
        worker.process.join(5)
        return Failed(f"its process died with exit code {worker.process.exitcode}")
    _end(worker)
    return Failed(f"no answer within {seconds:.0f} s")


def _end(worker: Worker) -> None:
    worker.process.kill()
    worker.process.join(10)
    worker.connection.close()
