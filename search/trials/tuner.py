"""Ray Tune over a study: trials in parallel, in warm workers, then the choice and report runs."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import optuna
import ray
from ray import tune
from ray.tune.execution import class_cache

from search.cluster.room import Room
from search.cluster.scratch import temporary_folder
from search.cluster.workers import wait_for_workers
from search.signals import Stop
from search.spec import SearchSpec
from search.study.study import interrupt
from search.trials import worker
from search.trials.choice_and_report import ChoiceAndReport
from search.trials.ending import Ending, ending_of
from search.trials.ledger import Ledger
from search.trials.ray_adapters import StudyScheduler, StudySearcher
from search.trials.run_ledger import RunLedger, Watcher
from search.trials.worker import Job

# Tune gives its actors environment variables for other libraries. An environment of their own keeps
# them from the workers that Ray has ready.
for variables in (class_cache.DEFAULT_ENV_VARS, class_cache.ENV_VARS_TO_PROPAGATE):
    variables.clear()

NO_LIMIT = 10**6


@dataclass(frozen=True)
class RunsAfter:
    """The runs that follow the trials."""

    plan: ChoiceAndReport
    exam: Callable[[], ray.ObjectRef | None]
    """Returns what a worker needs to test a model, in the object store."""
    watcher: Watcher


def run_trials(
    spec: SearchSpec,
    study: optuna.Study,
    job: Job,
    room: Room,
    stop: Stop,
    then: RunsAfter | None = None,
) -> Ending:
    """Run trials until the study has `spec.trials`, the space is exhausted, the time budget or the
    patience is spent, or the user stops; then the choice and report runs, in the same workers. (New
    ones where the time budget ended trials in the middle of an epoch.)

    Returns why there are no more trials, or that the user stopped what followed them. No trial is
    left RUNNING: interrupted ones are queued again. Raises OSError if the journal can no longer be
    written, no worker can be started, or a run cannot be tested.
    """
    ledger = Ledger(study, spec, stop_asked=lambda: stop.asked)
    runs = None if then is None else RunLedger(then.plan, then.exam, then.watcher)
    searcher = StudySearcher(ledger, room, runs)
    if not searcher.is_over:
        wait_for_workers(lambda: stop.asked)
        ledger.start_clock()
        with temporary_folder() as scratch:
            _tuner(searcher, job, stop, str(scratch)).fit()
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


def _tuner(searcher: StudySearcher, job: Job, stop: Stop, scratch: str) -> tune.Tuner:
    # Tune's handler would end trials in the middle of an epoch; ours lets them finish it.
    os.environ["TUNE_DISABLE_SIGINT_HANDLER"] = "1"
    # Tune fixes its limits when it starts. The searcher's own follows the cluster.
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(NO_LIMIT)
    resources = searcher.room.resources
    trainable: Any = tune.with_resources(
        tune.with_parameters(worker.trial, job=job),
        {"cpu": resources.cpus, "gpu": resources.gpus},
    )
    return tune.Tuner(
        trainable,
        tune_config=tune.TuneConfig(
            search_alg=searcher,
            scheduler=StudyScheduler(searcher, lambda: stop.trials_end),
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
