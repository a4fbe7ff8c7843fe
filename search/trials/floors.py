"""Floors: classifiers that take seconds. A recipe that does not beat them is not worth its time."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import ray

from search.cluster.resources import Resources
from search.inputs import Prepared
from search.study.records import Record, Scores
from search.trials import full_runs, worker
from search.trials.full_runs import POLL_SECONDS, Run
from search.trials.worker import Job

REGIMES = ("majority", "tfidf", "probe")
"""The regimes that are floors, the cheapest first."""


class Floors:
    """The floors of a command's searches, which share data and model: run once, and tested once.

    Nothing runs before `start`. The test split is read by `test` only.
    """

    def __init__(self, job: Job, resources: Resources, prepared: Prepared, seed: int) -> None:
        self.resources, self.prepared, self.seed = resources, prepared, seed
        self.jobs = {regime: replace(job, regime=regime, epochs=1) for regime in REGIMES}
        self.found: dict[str, Record] = {}
        """What is recorded of each floor, by its regime."""
        self.failures: dict[str, str] = {}
        """Why a floor is missing."""
        self._pending: dict[ray.ObjectRef, str] = {}
        self._models: dict[str, ray.ObjectRef] = {}
        self._tested: dict[str, Scores] = {}

    def start(self) -> None:
        """Submit the runs, if they have not been."""
        if self._models:
            return
        remote = worker.task(worker.floor, self.resources.cpus, self.resources.gpus, outputs=2)
        for regime, job in self.jobs.items():
            record, self._models[regime] = remote.remote(job, self.seed)
            self._pending[record] = regime

    def collect(self, within: float, check: Callable[[], None] = lambda: None) -> bool:
        """Wait for the runs, at most so many seconds; whether all have ended.

        Calls `check` several times a second.
        """
        deadline = time.monotonic() + within
        while self._pending:
            ended, _ = ray.wait(list(self._pending), timeout=min(within, POLL_SECONDS))
            check()
            for reference in ended:
                regime = self._pending.pop(reference)
                try:
                    self.found[regime] = ray.get(reference)
                except ray.exceptions.RayError as error:
                    self.failures[regime] = worker.failure_reason(error)
            if not ended and time.monotonic() >= deadline:
                return False
        self.found = {regime: self.found[regime] for regime in REGIMES if regime in self.found}
        return True

    def test(
        self, found: Mapping[str, Record], check: Callable[[], None] = lambda: None
    ) -> dict[str, Scores]:
        """The scores of the floors `found` on the test split.

        A floor of an earlier process runs again, with the same result.
        """
        new = [regime for regime in found if regime not in self._tested]
        runs = [self._run(regime, found[regime]["config"]) for regime in new]
        scores = full_runs.test(runs, self.resources, self.prepared, check)
        self._tested |= zip(new, scores)
        return {regime: self._tested[regime] for regime in found}

    def _run(self, regime: str, config: dict[str, Any]) -> Run:
        job = self.jobs[regime]
        if regime not in self._models:
            return full_runs.start(job, self.resources, 0, self.seed, config)
        model = self._models[regime]
        return Run(job, 0, self.seed, config, model, model)
