"""Ray Tune over a study: trials in parallel, in warm workers."""

import enum
import os
import time
from typing import Any

import optuna
from optuna.trial import TrialState
from ray import tune
from ray.tune.execution import class_cache

from search.cluster.room import Room
from search.cluster.scratch import temporary_folder
from search.cluster.workers import wait_for_workers
from search.signals import Stop
from search.spec import SearchSpec
from search.study import patience
from search.study.study import interrupt, trials
from search.trials import worker
from search.trials.ledger import Ledger
from search.trials.ray_adapters import StudyScheduler, StudySearcher
from search.trials.worker import Job

# Tune gives its actors environment variables for other libraries. An environment of their own keeps
# them from the workers that Ray has ready.
for variables in (class_cache.DEFAULT_ENV_VARS, class_cache.ENV_VARS_TO_PROPAGATE):
    variables.clear()

NO_LIMIT = 10**6


class Ending(enum.Enum):
    """Why no more trials are run."""

    DONE = "as many trials as were asked for"
    EXHAUSTED = "the space holds no other configuration"
    TIME = "the time budget is spent"
    PATIENCE = "no further trial is expected to be worth its time"
    INTERRUPTED = "the user stopped it"
    COMMON_FAILURE = "its first trials failed for one reason"


def tune_study(spec: SearchSpec, study: optuna.Study, job: Job, room: Room, stop: Stop) -> Ending:
    """Run trials until the study has `spec.trials`, the space is exhausted, the time budget or the
    patience is spent, or the user stops.

    No trial is left RUNNING: interrupted ones are queued again. Raises OSError if the journal can
    no longer be written, or no worker can be started.
    """
    ledger = Ledger(study, spec, stop_asked=lambda: stop.asked)
    if ledger.all_trials_started:
        return Ending.DONE if len(trials(study)) >= spec.trials else Ending.PATIENCE
    wait_for_workers(lambda: stop.asked)
    started = time.monotonic()
    with temporary_folder() as scratch:
        _tuner(spec, ledger, job, room, stop, str(scratch)).fit()
    if ledger.write_error is not None:
        raise ledger.write_error
    interrupt(study)
    if ledger.setup_error is not None:
        raise ledger.setup_error
    if stop.asked:  # Even if the last trial has ended meanwhile: no choice run starts after ^C.
        return Ending.INTERRUPTED
    if ledger.common_failure:
        return Ending.COMMON_FAILURE
    if len(trials(study)) >= spec.trials:
        return Ending.DONE
    queued = study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
    if ledger.exhausted and not queued:
        return Ending.EXHAUSTED
    if patience.is_spent(study, spec.patience):
        return Ending.PATIENCE
    spent = spec.time_budget is not None and time.monotonic() - started >= spec.time_budget
    return Ending.TIME if spent else Ending.INTERRUPTED


def _tuner(
    spec: SearchSpec, ledger: Ledger, job: Job, room: Room, stop: Stop, scratch: str
) -> tune.Tuner:
    # Tune's handler would end trials in the middle of an epoch; ours lets them finish it.
    os.environ["TUNE_DISABLE_SIGINT_HANDLER"] = "1"
    # Tune fixes its limits when it starts. The searcher's own follows the cluster.
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(NO_LIMIT)
    searcher = StudySearcher(ledger, room)
    trainable: Any = tune.with_resources(
        tune.with_parameters(worker.trial, job=job, seed=spec.seed),
        {"cpu": room.resources.cpus, "gpu": room.resources.gpus},
    )
    return tune.Tuner(
        trainable,
        tune_config=tune.TuneConfig(
            search_alg=searcher,
            scheduler=StudyScheduler(searcher, lambda: stop.trials_end),
            num_samples=-1,
            time_budget_s=spec.time_budget,
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
