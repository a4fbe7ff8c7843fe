"""Full runs: configurations trained to the end on given seeds, in parallel, and tested."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import ray

from search.cluster.resources import Resources
from search.inputs import Prepared
from search.trials import worker
from search.trials.faults import (
    MAX_NODE_LOSSES,
    Fault,
    fault_of_run,
    living_nodes,
    setup_failure,
)
from search.trials.worker import Job, Tested, Trained

POLL_SECONDS = 0.2
"""How often a wait for runs looks whether the user wants to stop."""


@dataclass(frozen=True)
class Run:
    """One configuration on one seed, running or done. Its model stays in the object store."""

    job: Job
    resources: Resources
    trial: int
    seed: int
    config: dict[str, Any]
    trained: ray.ObjectRef
    model: ray.ObjectRef
    nodes: frozenset[str] = frozenset()
    """The nodes that were alive when it was submitted."""

    def again(self) -> "Run":
        """Submit it once more; its result is the same."""
        return start(self.job, self.resources, self.trial, self.seed, self.config)


class _Losses:
    """How often workers were lost, by run. Ray's own retries do not tell why."""

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._counts: Counter[tuple[str, int, int, Fault]] = Counter()

    def of(self, run: Run, error: ray.exceptions.RayError, nodes: frozenset[str]) -> Fault | None:
        """Whose fault it is, if it is worth another try.

        A run whose process dies on a living node is tried once more, one whose node dies as often
        as a trial is. Raises OSError where no worker can be started.
        """
        fault = fault_of_run(error, nodes, self._check)
        if fault == Fault.SETUP:
            raise setup_failure(error) from error
        key = run.job.regime, run.trial, run.seed, fault
        self._counts[key] += 1
        most = {Fault.NODE: MAX_NODE_LOSSES, Fault.PROCESS: 1}.get(fault, 0)
        return fault if self._counts[key] <= most else None


def start(job: Job, resources: Resources, trial: int, seed: int, config: dict[str, Any]) -> Run:
    """Submit a run. `trial` is the number of its configuration in the study."""
    nodes = living_nodes()
    remote = worker.task(worker.train, resources.cpus, resources.gpus, outputs=2, retries=0)
    trained, model = remote.remote(job, config, seed)
    return Run(job, resources, trial, seed, config, trained, model, nodes)


def finished(
    runs: Sequence[Run], check: Callable[[], None] = lambda: None
) -> Iterator[tuple[Run, Trained, str | None]]:
    """Each run as soon as it is done, with its report, or with an empty one and why it failed.

    A run that was submitted again replaces the one in `runs`.
    """
    pending, losses = {run.trained: run for run in runs}, _Losses(check)
    while pending:
        done = _first_done(list(pending), check)
        run = pending.pop(done)
        try:
            trained = ray.get(done)
        except ray.exceptions.RayError as error:
            if losses.of(run, error, run.nodes):
                again = run.again()
                pending[again.trained] = again
            else:
                yield run, Trained([], [], []), worker.failure_reason(error)
        else:
            yield run, trained, None


def test(
    runs: Sequence[Run],
    resources: Resources,
    prepared: Prepared,
    check: Callable[[], None] = lambda: None,
) -> list[Tested]:
    """The runs on the test split, which workers receive here only.

    Raises OSError if a run fails.
    """
    whole, split = ray.put(prepared.pretrained), ray.put(prepared.test)
    labels, vocabulary = prepared.corpus.labels, prepared.vocabulary
    remote = worker.task(worker.test, resources.cpus, resources.gpus, retries=0)

    def submit(run: Run) -> ray.ObjectRef:
        return remote.remote(run.job, run.config, run.model, whole, vocabulary, labels, split)

    losses, nodes = _Losses(check), living_nodes()

    def outcome(run: Run, reference: ray.ObjectRef, nodes: frozenset[str]) -> Tested:
        try:
            tested: Tested = ray.get(_first_done([reference], check))
            return tested
        except ray.exceptions.RayError as error:
            fault = losses.of(run, error, nodes)
            if fault is None:
                reason = worker.failure_reason(error)
                raise OSError(f"a run cannot be tested: {reason}") from error
        # Its model may be what is lost.
        again = run.again()
        return outcome(again, submit(again), living_nodes())

    return [outcome(run, one, nodes) for run, one in [(run, submit(run)) for run in runs]]


def _first_done(references: list[ray.ObjectRef], check: Callable[[], None]) -> ray.ObjectRef:
    """The first of them that is done. Calls `check` while it waits."""
    while True:
        done, _ = ray.wait(references, num_returns=1, timeout=POLL_SECONDS)
        check()
        if done:
            return done[0]
