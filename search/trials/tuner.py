"""Ray Tune over a study: trials side by side in warm workers."""

import enum
import os
import time
from typing import Any

import optuna
import ray
from optuna.trial import TrialState
from ray import tune
from ray.tune.execution import class_cache

from search.cluster.resources import Resources
from search.cluster.scratch import temporary_folder
from search.signals import Stop
from search.spec import SearchSpec
from search.study import study as studies
from search.trials import worker
from search.trials.ray_adapters import Ledger, StudyScheduler, StudySearcher
from search.trials.worker import Job

for variables in (class_cache.DEFAULT_ENV_VARS, class_cache.ENV_VARS_TO_PROPAGATE):
    # Tune's, for other libraries: an environment of their own keeps its actors from Ray's workers,
    # which are ready
    variables.clear()


class Ending(enum.Enum):
    """Why no more trials are run."""

    DONE = "as many trials as were asked for"
    EXHAUSTED = "the space holds no other configuration"
    TIME = "the time budget is spent"
    INTERRUPTED = "the user stopped it"
    HOPELESS = "its first trials failed for one reason"


def tune_study(
    spec: SearchSpec, study: optuna.Study, job: Job, resources: Resources, stop: Stop
) -> Ending:
    """Run trials until the study has `spec.trials`, the space is exhausted, the time is over or the
    user stops it.

    Returns with no trial left RUNNING: what was cut short is queued. Raises OSError where the
    journal can't be written any more.
    """
    ledger = Ledger(study, spec, stopping=lambda: stop.asked)
    if ledger.enough:
        return Ending.DONE
    began = time.monotonic()
    with temporary_folder() as scratch, stop.waits():
        _tuner(spec, ledger, job, resources, str(scratch)).fit()
    if ledger.lost is not None:
        raise ledger.lost
    studies.interrupt(study)
    if stop.asked:  # also where the last trial ended meanwhile: no confirmation begins after ^C
        return Ending.INTERRUPTED
    if ledger.hopeless:
        return Ending.HOPELESS
    if len(studies.trials(study)) >= spec.trials:
        return Ending.DONE
    queued = study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
    if ledger.exhausted and not queued:
        return Ending.EXHAUSTED
    spent = spec.time_budget is not None and time.monotonic() - began >= spec.time_budget
    return Ending.TIME if spent else Ending.INTERRUPTED


def _tuner(
    spec: SearchSpec, ledger: Ledger, job: Job, resources: Resources, scratch: str
) -> tune.Tuner:
    os.environ["TUNE_DISABLE_SIGINT_HANDLER"] = (
        "1"  # it would end trials in the middle of an epoch; `stop` has them end it
    )
    trainable: Any = tune.with_resources(
        tune.with_parameters(worker.trial, job=job, seed=spec.seed),
        {"cpu": resources.cpus, "gpu": resources.gpus},
    )
    return tune.Tuner(
        trainable,
        tune_config=tune.TuneConfig(
            search_alg=StudySearcher(ledger),
            scheduler=StudyScheduler(ledger),
            num_samples=-1,
            max_concurrent_trials=resources.slots,
            time_budget_s=spec.time_budget,
            reuse_actors=True,
            trial_dirname_creator=lambda trial: trial.trial_id,
        ),
        run_config=tune.RunConfig(
            name="trials",
            storage_path=scratch,
            verbose=0,
            failure_config=tune.FailureConfig(max_failures=0),
        ),
    )


def share(*values: Any) -> list[ray.ObjectRef]:
    """Put values into the object store, one copy a node, read without copying."""
    return [ray.put(value) for value in values]
