"""Full runs: configurations trained to the end on given seeds, in parallel, and tested."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import ray

from search.cluster.resources import Resources
from search.inputs import Prepared
from search.trials import worker
from search.trials.worker import Job, Tested, Trained

POLL_SECONDS = 0.2
"""How often a wait for runs looks whether the user wants to stop."""


@dataclass(frozen=True)
class Run:
    """One configuration on one seed, running or done. Its model stays in the object store."""

    job: Job
    trial: int
    seed: int
    config: dict[str, Any]
    trained: ray.ObjectRef
    model: ray.ObjectRef


def start(job: Job, resources: Resources, trial: int, seed: int, config: dict[str, Any]) -> Run:
    """Submit a run. `trial` is the number of its configuration in the study."""
    remote = worker.task(worker.train, resources.cpus, resources.gpus, outputs=2)
    return Run(job, trial, seed, config, *remote.remote(job, config, seed))


def finished(
    runs: Sequence[Run], check: Callable[[], None] = lambda: None
) -> Iterator[tuple[Run, Trained, str | None]]:
    """Each run as soon as it is done, with its report, or with an empty one and why it failed."""
    pending = {run.trained: run for run in runs}
    while pending:
        done = _first_done(list(pending), check)
        run = pending.pop(done)
        try:
            yield run, ray.get(done), None
        except ray.exceptions.RayError as error:
            yield run, Trained([], [], []), worker.failure_reason(error)


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
    remote = worker.task(worker.test, resources.cpus, resources.gpus)
    try:
        submitted = [
            remote.remote(run.job, run.config, run.model, whole, vocabulary, labels, split)
            for run in runs
        ]
        tested = list[Tested]()
        for reference in submitted:
            tested.append(ray.get(_first_done([reference], check)))
    except ray.exceptions.RayError as error:
        raise OSError(f"a run cannot be tested: {worker.failure_reason(error)}") from error
    return tested


def _first_done(references: list[ray.ObjectRef], check: Callable[[], None]) -> ray.ObjectRef:
    """The first of them that is done. Calls `check` while it waits."""
    while True:
        done, _ = ray.wait(references, num_returns=1, timeout=POLL_SECONDS)
        check()
        if done:
            return done[0]
