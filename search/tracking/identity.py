"""What identifies a search's runs in MLflow, and what its study records about itself."""

import time
import uuid
from collections.abc import Mapping

import optuna

from search.spec import SearchSpec
from search.study import records
from search.study.study import transaction, trials
from search.worker_reports import ENDED_AT


def identify(study: optuna.Study, tags: Mapping[str, str]) -> dict[str, str]:
    """Record the tags of the search's runs with its identity, and that it runs.

    Returns the tags. A process that was killed counts until the last epoch that it recorded.
    """
    tags = {**tags, records.IDENTITY: records.identity(study) or uuid.uuid4().hex}
    records.TAGS.write(study, tags)
    killed, now = records.PROCESS_STARTED.read(study), time.time()
    if killed is not None:
        _count(study, killed, min(_last_epoch_ended(study), now))
    records.PROCESS_STARTED.write(study, now)
    records.ENDING.write(study, None)
    records.ALL_WRITTEN.write(study, False)
    if not records.FIRST_STARTED.recorded(study) and not trials(study):
        records.FIRST_STARTED.write(study, now)
    return tags


def changed_versions(study: optuna.Study, tags: Mapping[str, str]) -> list[str]:
    """The libraries that are others than when the search last ran."""
    return [
        f"{name.removeprefix(records.VERSION)} {then}, now {tags.get(name, 'missing')}"
        for name, then in records.TAGS.read(study).items()
        if name.startswith(records.VERSION) and then != tags.get(name)
    ]


def conclude(study: optuna.Study, ending: str) -> None:
    """Record how the search ended, when, and how long it has taken."""
    started, now = records.PROCESS_STARTED.read(study), time.time()
    if started is not None:
        _count(study, started, now)
    records.LAST_ENDED.write(study, now)
    records.ENDING.write(study, ending)


def _count(study: optuna.Study, started: float, ended: float) -> None:
    """Add a process's time to the search's."""
    spent = records.SECONDS.read(study) + max(0.0, ended - started)
    with transaction(study):
        records.SECONDS.write(study, spent)
        records.PROCESS_STARTED.write(study, None)


def _last_epoch_ended(study: optuna.Study) -> float:
    """In seconds since 1970; 0 where no epoch is recorded with its time."""
    # A trial that the killed process left waits in the queue again.
    runs = [records.epochs(trial) for trial in study.get_trials(deepcopy=False)]
    for key in (records.CHOICE_RUNS, records.REPORT_RUNS):
        runs += [run for seeds in key.read(study).values() for run in seeds.values()]
    return max((run[-1].get(ENDED_AT, 0.0) for run in runs if run), default=0.0)


def was_interrupted(study: optuna.Study, spec: SearchSpec) -> bool:
    """Whether a search that does not run was stopped or killed.

    Early versions did not record it: there, whether trials are missing.
    """
    if records.ENDING.recorded(study):
        return records.ENDING.read(study) in (None, "INTERRUPTED")
    return sum(trial.state.is_finished() for trial in trials(study)) < spec.trials


def settings(spec: SearchSpec) -> dict[str, str]:
    """The settings that may change when a search is resumed, as tags: parameters are immutable."""
    values = {name: getattr(spec, name) for name in spec.names("changeable")}
    return {
        f"regimen.{name}": "default" if value is None else str(value)
        for name, value in values.items()
    }
