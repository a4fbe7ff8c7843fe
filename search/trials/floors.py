"""Floors: classifiers that take seconds. A recipe that does not beat them is not worth its time."""

import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any

import numpy as np
import ray

import trainables
from search.cluster.resources import Resources
from search.inputs import Prepared
from search.study.records import Record
from search.trials import full_runs, worker
from search.trials.full_runs import POLL_SECONDS, FullRun
from search.trials.job import Job
from search.trials.worker import Tested
from search.worker_reports import STARTED_AT
from trainables.parts.training import frozen

REGIMES = ("majority", "tfidf", "probe")
"""The regimes that are floors, the cheapest first."""


class Floors:
    """The floors of a command's searches, which share data and model: run once, and tested once.

    Nothing runs before `encode` and `start`. On a CPU the runs and tests are threads of this
    process: it has imported everything and is idle before the trials and after the report runs, and
    Ray's warm workers stay free for the trials. On a GPU they are Ray tasks. Only `test` reads the
    test split.
    """

    def __init__(self, job: Job, resources: Resources, prepared: Prepared, seed: int) -> None:
        self.job, self.resources, self.prepared, self.seed = job, resources, prepared, seed
        self.found: dict[str, Record] = {}
        """What is recorded of each floor, by its regime."""
        self.correct: dict[str, np.ndarray] = {}
        """Which validation sentences each got right (N,)."""
        self.failures: dict[str, str] = {}
        """Why a floor is missing."""
        self.encode_seconds: float | None = None
        """Seconds of one thread for all sentences; None until they are encoded, and on a GPU."""
        self.encode_wall_seconds = 0.0
        """How long that took, on all threads; 0 on a GPU."""
        # A cluster may have room for more trials than this machine has cores.
        self._width = min(resources.slots, os.cpu_count() or 1)
        self._threads = ThreadPoolExecutor(self._width) if job.device == "cpu" else None
        self._encoded: Future[ray.ObjectRef] | None = None
        self._pending: dict[Future[Any], str] = {}
        self._models: dict[str, ray.ObjectRef] = {}
        self._tested: dict[str, Tested] = {}

    def encode(self) -> None:
        """Begin to encode train and validation, if that has not begun."""
        if self._encoded is not None:
            return
        if self._threads is None:
            encode = worker.task(worker.encode, self.resources)
            joining = worker.task(worker.join, Resources(self.resources.cpus, 0.0, 1))
            self._encoded = Future()
            self._encoded.set_result(joining.remote(self.job, encode.remote(self.job, 0, 1)))
            return
        count = min(self._width, frozen.chunk_count(self.prepared.data))
        parts = [
            self._threads.submit(worker.encode, self.job, part, count) for part in range(count)
        ]
        began = time.monotonic()

        def join() -> ray.ObjectRef:
            vectors = [part.result() for part in parts]
            self.encode_wall_seconds = time.monotonic() - began
            self.encode_seconds = count * self.encode_wall_seconds
            return ray.put(worker.join(self.job, *vectors))

        # Threads take what is submitted in its order, so the parts have begun by then.
        self._encoded = self._threads.submit(join)

    def encoded(self, *, wait: bool) -> ray.ObjectRef | None:
        """What `encode` makes, for trials; on a CPU and without `wait`, None if it is not ready.

        Trials that need it then encode for themselves, with the same result.
        """
        if self._encoded is None or not (wait or self._encoded.done()):
            return None
        return None if self._encoded.exception() else self._encoded.result()

    def start(self) -> None:
        """Begin the runs, if they have not begun."""
        if self._pending or self.found or self.failures:
            return
        self.encode()
        for regime in REGIMES:
            if self._threads is not None:
                run = self._threads.submit(self._run_here, regime)
            else:
                remote = worker.task(worker.floor, self.resources, outputs=2)
                recorded, self._models[regime] = remote.remote(self._job(regime), self.seed)
                run = recorded.future()
            self._pending[run] = regime

    def _run_here(self, regime: str) -> tuple[Record, np.ndarray]:
        job = self._job(regime)
        (record, correct), model = worker.floor(job, self.seed)
        if job.encoded is not None:  # Other threads have encoded for it, just before.
            record[STARTED_AT] -= self.encode_wall_seconds
        self._models[regime] = ray.put(model)
        return record, correct

    def _job(self, regime: str) -> Job:
        """The job of a floor. One that reads encoded sentences waits for them."""
        reads = trainables.load(regime).Config().reads_encoded
        encoded = self.encoded(wait=True) if reads else None
        return replace(self.job, regime=regime, epochs=1, encoded=encoded)

    def collect(self, within: float, check: Callable[[], None] = lambda: None) -> bool:
        """Wait for the runs, at most so many seconds; whether all have ended.

        Calls `check` several times a second.
        """
        deadline = time.monotonic() + within
        while self._pending:
            ended, _ = wait(self._pending, min(within, POLL_SECONDS), FIRST_COMPLETED)
            check()
            for run in ended:
                regime = self._pending.pop(run)
                try:
                    self.found[regime], self.correct[regime] = run.result()
                except Exception as error:  # whatever a regime raises; the search goes on
                    self.failures[regime] = worker.failure_reason(error)
            if not ended and time.monotonic() >= deadline:
                return False
        self.found = {regime: self.found[regime] for regime in REGIMES if regime in self.found}
        return True

    def close(self, *, wait: bool = False) -> None:
        """Begin nothing more. What runs in a thread ends within seconds; `wait` for that."""
        if self._threads is not None:
            self._threads.shutdown(wait=wait, cancel_futures=True)

    def test(
        self, floors: Mapping[str, Record], check: Callable[[], None] = lambda: None
    ) -> dict[str, Tested]:
        """`floors` on the test split.

        A floor of an earlier process runs again, with the same result. Calls `check` several times
        a second. Raises OSError where one cannot be tested.
        """
        new = [regime for regime in floors if regime not in self._tested]
        if self._threads is not None:
            tests = [
                self._threads.submit(self._test_here, regime, floors[regime]["config"])
                for regime in new
            ]
            while wait(tests, POLL_SECONDS).not_done:
                check()
            tested = [_result(test) for test in tests]
        else:
            runs = [self._run(regime, floors[regime]["config"]) for regime in new]
            tested = full_runs.test(runs, self.resources, self.prepared, check)
        self._tested |= dict(zip(new, tested))
        return {regime: self._tested[regime] for regime in floors}

    def _test_here(self, regime: str, config: dict[str, Any]) -> Tested:
        job, prepared = self._job(regime), self.prepared
        if regime in self._models:
            model = ray.get(self._models[regime])
        else:
            _, model = worker.train(job, config, self.seed)
        labels, vocabulary, split = prepared.corpus.labels, prepared.vocabulary, prepared.test
        assert split is not None
        return worker.test(job, config, model, prepared.pretrained, vocabulary, labels, split)

    def _run(self, regime: str, config: dict[str, Any]) -> FullRun:
        job = self._job(regime)
        if regime not in self._models:
            return full_runs.start(job, self.resources, 0, self.seed, config)
        model = self._models[regime]
        return FullRun(job, self.resources, 0, self.seed, config, model, model)


class SharedJob:
    """A search's job in the object store, with the encoded sentences as soon as they are there."""

    def __init__(self, job: Job, floors: Floors) -> None:
        self._job, self._floors = job, floors
        self._stored: ray.ObjectRef | None = None

    def __call__(self) -> ray.ObjectRef:
        """The job for the next trial or run."""
        if self._job.encoded is None and (encoded := self._floors.encoded(wait=False)) is not None:
            self._job, self._stored = replace(self._job, encoded=encoded), None
        if self._stored is None:
            self._stored = ray.put(self._job)
        return self._stored


def _result(test: Future[Tested]) -> Tested:
    try:
        return test.result()
    except Exception as error:  # such as too little memory
        reason = worker.failure_reason(error)
        raise OSError(f"a floor cannot be tested: {reason}") from error
