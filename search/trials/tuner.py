"""Ray Tune over studies: the trials, choice and report runs of all searches of a command.

One run of Tune serves all of them, so that workers, whose imports take seconds, are reused.
"""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import optuna
import ray
from ray import tune
from ray.tune.execution import class_cache

from search.cluster.capacity import Capacity
from search.cluster.resources import TYPE, Resources
from search.cluster.scratch import temporary_folder
from search.cluster.workers import wait_for_workers
from search.signals import Stop
from search.spec import SearchSpec
from search.study.study import interrupt
from search.trials import worker
from search.trials.choice_and_report import ChoiceAndReport
from search.trials.ending import Ending, ending_of
from search.trials.ledger import Ledger
from search.trials.ray_adapters import Relay, StudyScheduler
from search.trials.run_ledger import RunLedger, Watcher
from search.trials.searcher import StudySearcher

# Tune gives its actors environment variables for other libraries. An environment of their own keeps
# them from the workers that Ray has ready.
for variables in (class_cache.DEFAULT_ENV_VARS, class_cache.ENV_VARS_TO_PROPAGATE):
    variables.clear()

NO_LIMIT = 10**6
POLL_SECONDS = 0.2
"""How often the main thread checks whether Tune still runs; in between it handles no signal."""
TUNE_END_SECONDS = 60.0
"""How long the end waits for Tune to end its workers."""


@dataclass(frozen=True)
class RunsAfter:
    """The runs that follow the trials."""

    plan: ChoiceAndReport
    test_inputs: Callable[[], ray.ObjectRef | None]
    """Returns what a worker needs to test a model, in the object store."""
    watcher: Watcher


class Workers:
    """The workers of a command's searches, in one run of Ray Tune, in a thread.

    On a shared cluster, and on GPUs, which floors need as well, they end with each search.
    """

    def __init__(self, resources: Resources) -> None:
        self.resources = resources
        self._relay: Relay | None = None
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def wait(self, stopped: Callable[[], bool]) -> None:
        """Wait until trials can start at once, or until `stopped`."""
        if self._thread is None:
            wait_for_workers(stopped)

    def run(self, search: StudySearcher) -> None:
        """Run a search until nothing is left, or until it stops. Raises what Tune raises.

        Any other interruption, such as a notebook's, ends the workers.
        """
        if self._thread is None:
            keep_workers = self.resources.gpus == 0 and not self.resources.shared
            self._relay = Relay(single=not keep_workers)
            self._thread = threading.Thread(target=self._tune, args=[self._relay], daemon=True)
            self._thread.start()
        assert self._relay is not None
        self._relay.begin(search)
        try:
            while not self._relay.wait(search, POLL_SECONDS) and self._thread.is_alive():
                pass
        except BaseException:
            self.close()
            raise
        if self._relay.single or not self._thread.is_alive():
            self.close()
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """End the workers. Nothing more is recorded of what they are running."""
        if self._relay is not None and self._thread is not None:
            self._relay.close()
            self._thread.join(TUNE_END_SECONDS)
        self._relay = self._thread = None

    def _tune(self, relay: Relay) -> None:
        try:
            with temporary_folder() as scratch:
                _tuner(relay, self.resources, str(scratch)).fit()
        except BaseException as error:
            self._error = error


def run_trials(
    spec: SearchSpec,
    study: optuna.Study,
    job: Callable[[], ray.ObjectRef],
    capacity: Capacity,
    workers: Workers,
    stop: Stop,
    runs_after: RunsAfter | None = None,
) -> Ending:
    """Run trials until the study has `spec.trials`, the space is exhausted, the time budget or the
    patience is spent, or the user stops; then the choice and report runs, in the same workers. (New
    ones where the time budget ended trials in the middle of an epoch.)

    Returns why there are no more trials, or that the user stopped what followed them. No trial is
    left RUNNING: interrupted ones are queued again. Raises OSError if the journal can no longer be
    written, no worker can be started, or a run cannot be tested.
    """
    ledger = Ledger(study, spec, stop_asked=lambda: stop.asked)
    runs = (
        None
        if runs_after is None
        else RunLedger(runs_after.plan, runs_after.test_inputs, runs_after.watcher)
    )
    searcher = StudySearcher(ledger, capacity, runs, job, lambda: stop.trials_end)
    if not searcher.is_over:
        workers.wait(lambda: stop.asked)
        ledger.start_clock()
        try:
            workers.run(searcher)
        except KeyboardInterrupt:  # in a notebook
            interrupt(study)
            raise
        if ledger.write_error is not None:
            raise ledger.write_error
        interrupt(study)
        if ledger.setup_error is not None:
            raise ledger.setup_error
        if runs is not None and runs.untested is not None:
            raise runs.untested
        if stop.asked:
            return Ending.INTERRUPTED
    return searcher.ending or ending_of(ledger)


def _tuner(relay: Relay, resources: Resources, scratch: str) -> tune.Tuner:
    # Tune's handler would end trials in the middle of an epoch; ours lets them finish it.
    os.environ["TUNE_DISABLE_SIGINT_HANDLER"] = "1"
    # Tune fixes its limits when it starts. The searcher's own follows the cluster.
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(NO_LIMIT)
    wanted = {"cpu": resources.cpus, "gpu": resources.gpus}
    if resources.accelerator is not None:
        wanted[TYPE + resources.accelerator] = 0.001  # as Ray itself asks for a type
    trainable: Any = tune.with_resources(worker.trial, wanted)
    return tune.Tuner(
        trainable,
        tune_config=tune.TuneConfig(
            search_alg=relay,
            scheduler=StudyScheduler(relay),
            num_samples=-1,
            reuse_actors=True,
            trial_dirname_creator=lambda trial: trial.trial_id,
        ),
        run_config=tune.RunConfig(
            name="trials",
            storage_path=scratch,
            verbose=0,
            # In a notebook, the default one clears what the search has printed.
            progress_reporter=tune.CLIReporter(),
            failure_config=tune.FailureConfig(max_failures=0),
        ),
    )
