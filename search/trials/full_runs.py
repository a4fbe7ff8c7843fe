"""Full runs as Ray tasks: configurations trained to the end on given seeds, and tested.

For final training and for floors. A search's choice and report runs are run by its trials' workers.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import ray

from search.cluster.resources import Resources
from search.inputs import Prepared
from search.study.records import Record
from search.trials import worker
from search.trials.faults import Fault, Losses, fault_of_run, living_nodes, setup_failure
from search.trials.job import Job
from search.trials.worker import Tested

POLL_SECONDS = 0.2
"""How often a wait for runs checks whether the user wants to stop."""


@dataclass(frozen=True)
class FullRun:
    """One configuration on one seed, running or done. Its model stays in the object store."""

    job: Job
    resources: Resources
    number: int
    seed: int
    config: dict[str, Any]
    epochs: ray.ObjectRef
    model: ray.ObjectRef
    nodes: frozenset[str] = frozenset()
    """The nodes that were alive when it was submitted."""

    def submit_again(self) -> "FullRun":
        """Submit it once more; its result is the same."""
        return start(self.job, self.resources, self.number, self.seed, self.config)


class _Lost:
    """The workers that were lost, by run. Ray's own retries do not say why."""

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._losses: defaultdict[tuple[str, int, int], Losses] = defaultdict(Losses)

    def tries_again(
        self, run: FullRun, error: ray.exceptions.RayError, nodes: frozenset[str]
    ) -> bool:
        """Whether a run that lost its worker is worth another try, as a trial is.

        Raises OSError where no worker can be started.
        """
        fault = fault_of_run(error, nodes, self._check)
        if fault == Fault.SETUP:
            raise setup_failure(error) from error
        key = run.job.regime, run.number, run.seed
        self._losses[key] = self._losses[key].after(fault)
        return fault != Fault.WORK and not self._losses[key].too_many()


def start(
    job: Job, resources: Resources, number: int, seed: int, config: dict[str, Any]
) -> FullRun:
    """Submit a run. `number` tells configurations on one seed apart."""
    nodes = living_nodes()
    remote = worker.task(worker.train, resources, outputs=2, retries=0)
    epochs, model = remote.remote(job, config, seed)
    return FullRun(job, resources, number, seed, config, epochs, model, nodes)


def finished(
    runs: Sequence[FullRun], check: Callable[[], None] = lambda: None
) -> Iterator[tuple[FullRun, list[Record], str | None]]:
    """Each run as soon as it is done, with its epochs, or with none and why it failed.

    A run that was submitted again replaces the one in `runs`.
    """
    pending, lost = {run.epochs: run for run in runs}, _Lost(check)
    while pending:
        done = _first_done(list(pending), check)
        run = pending.pop(done)
        try:
            epochs: list[Record] = ray.get(done)
        except ray.exceptions.RayError as error:
            if lost.tries_again(run, error, run.nodes):
                again = run.submit_again()
                pending[again.epochs] = again
            else:
                yield run, [], worker.failure_reason(error)
        else:
            yield run, epochs, None


def test(
    runs: Sequence[FullRun],
    resources: Resources,
    prepared: Prepared,
    check: Callable[[], None] = lambda: None,
) -> list[Tested]:
    """The runs on the test split, which workers receive here only.

    Raises OSError if a run fails.
    """
    whole, split = ray.put(prepared.pretrained), ray.put(prepared.test)
    labels, vocabulary = prepared.corpus.labels, prepared.vocabulary
    remote = worker.task(worker.test, resources, retries=0)

    def submit(run: FullRun) -> ray.ObjectRef:
        return remote.remote(run.job, run.config, run.model, whole, vocabulary, labels, split)

    lost, nodes = _Lost(check), living_nodes()

    def outcome(run: FullRun, reference: ray.ObjectRef, nodes: frozenset[str]) -> Tested:
        try:
            tested: Tested = ray.get(_first_done([reference], check))
            return tested
        except ray.exceptions.RayError as error:
            if not lost.tries_again(run, error, nodes):
                reason = worker.failure_reason(error)
                raise OSError(f"a run cannot be tested: {reason}") from error
        # Its model may be what is lost.
        again = run.submit_again()
        return outcome(again, submit(again), living_nodes())

    return [outcome(run, one, nodes) for run, one in [(run, submit(run)) for run in runs]]


def _first_done(references: list[ray.ObjectRef], check: Callable[[], None]) -> ray.ObjectRef:
    """The first of them that is done. Calls `check` while it waits."""
    while True:
        done, _ = ray.wait(references, num_returns=1, timeout=POLL_SECONDS)
        check()
        if done:
            return done[0]
