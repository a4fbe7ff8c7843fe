"""search.run with clocks in it: what its process does for a trial, how often and how long, and what
it has grown to."""

import functools
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import psutil
from ray.tune.execution.tune_controller import TuneController

from search.cluster.watchdog import AGENTS, DAEMONS
from search.driver import pipeline
from search.run import main
from search.study import journal
from search.terminal import progress
from search.tracking import tracker as tracking
from search.trials import ray_adapters, searcher, worker
from search.worker_reports import ENDED_AT, RUN_FINISHED, STARTED_AT
from trainables.parts.training.epoch_metrics import Epoch

PARTS: dict[str, tuple[Any, str]] = {
    "Ray Tune's loop": (TuneController, "step"),
    "ask": (searcher.StudySearcher, "suggest"),
    "record a report": (ray_adapters.StudyScheduler, "on_trial_result"),
    "write the journal": (journal.Journal, "write"),
    "Ray Tune's own records": (TuneController, "checkpoint"),
    "MLflow": (tracking.Tracker, "sync"),
    "terminal": (progress.Progress, "update"),
    "tables": (pipeline, "write_records"),
    "report": (pipeline, "draw_report"),
    "MLflow at the end": (tracking.Tracker, "finish_within"),
}
"""Where each part is entered. Asking and recording are in the loop, writing in both; MLflow and
terminal have threads of their own."""
EPOCHS = 3
EMPTY = Epoch(0, "untuned", None, None, None, 0.0, 0.0, 0.0, 0, 0.0).to_dict()
"""What all epochs of an empty trial have in common."""


class Clocks:
    """Calls, wall and processor seconds of each part so far, and all of that at each question."""

    def __init__(self, journal: str) -> None:
        self.journal = journal
        self.parts = {name: [0, 0.0, 0.0] for name in PARTS}
        self.asked: list[dict[str, Any]] = []
        self.trials: dict[str, float] = {}

    def start(self) -> None:
        """Time every part from here on."""
        for part, (owner, name) in PARTS.items():
            setattr(owner, name, self._timed(part, getattr(owner, name)))
        pipeline.run_trials = self._around_trials(pipeline.run_trials)

    def _timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            wall, cpu = time.monotonic(), time.thread_time()
            try:
                answer = function(*args, **kwargs)
            finally:
                took = time.monotonic() - wall
                for index, more in enumerate((1, took, time.thread_time() - cpu)):
                    self.parts[part][index] += more
            if part == "ask" and isinstance(answer, dict):
                self._note(wall, took)
            return answer

        return timed

    def _note(self, began: float, took: float) -> None:
        """Where the search stands after a question that a trial was the answer to."""
        sizes = {
            "rss": psutil.Process().memory_info().rss,
            "journal": os.path.getsize(self.journal),
        }
        parts = {part: list(spent) for part, spent in self.parts.items()}
        self.asked.append(
            {"at": began, "took": took, "cpu": time.process_time(), "parts": parts, **sizes}
        )

    def _around_trials(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            began, driver, services = time.monotonic(), time.process_time(), _services()
            try:
                return function(*args, **kwargs)
            finally:
                self.trials = {
                    "began": began,
                    "ended": time.monotonic(),
                    "driver": time.process_time() - driver,
                }
                self.trials["services"] = _services() - services

        return timed


def empty_trial(params: dict[str, Any]) -> None:
    """A trial that only reports. Pickled by value, so that its worker imports no torch.

    It leaves the same line as `overhead_regime.train`.
    """
    from ray import tune

    began, reports = time.monotonic(), []
    for number in range(1, EPOCHS + 1):
        time.sleep(float(os.environ["OVERHEAD_SECONDS"]) / EPOCHS)
        accuracy, now = time.time() / 1e10, time.monotonic()
        tune.report(
            {
                **EMPTY,
                "epoch": number,
                "validation_accuracy": accuracy,
                "best_validation_accuracy": accuracy,
                STARTED_AT: time.time(),
                ENDED_AT: time.time(),
            }
        )
        reports.append(time.monotonic() - now)
    line = {"pid": os.getpid(), "building": 0.0, "began": began, "ended": time.monotonic()}
    with open(os.environ["OVERHEAD_WORKERS"], "a") as file:
        file.write(json.dumps({**line, "reports": reports, "cpu": time.process_time()}) + "\n")
    tune.report({RUN_FINISHED: None, "validation_accuracy": 0.0})


def _services() -> float:
    """Processor seconds that Ray's own processes have had."""
    own = [
        process
        for process in psutil.Process().children(recursive=True)
        if process.name() in (*DAEMONS, *AGENTS)
    ]
    return sum(process.cpu_times().user + process.cpu_times().system for process in own)


if __name__ == "__main__":
    clocks = Clocks(os.environ["OVERHEAD_JOURNAL"])
    clocks.start()
    if "OVERHEAD_EMPTY" in os.environ:
        worker.trial = empty_trial
    code = main(sys.argv[1:])
    with open(os.environ["OVERHEAD_DRIVER"], "w") as file:
        json.dump({"parts": clocks.parts, "asked": clocks.asked, "trials": clocks.trials}, file)
    raise SystemExit(code)
