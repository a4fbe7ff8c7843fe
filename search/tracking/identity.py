"""What identifies a search's runs in MLflow, and what its study records about itself."""

import time
import uuid
from collections.abc import Mapping

import optuna

from search.spec import SearchSpec
from search.study import records
from search.study.study import trials

IDENTITY = "regimen.id"
"""The tag that identifies a search's runs, wherever its folder is and however often its name was
used."""


def identify(study: optuna.Study, tags: Mapping[str, str]) -> dict[str, str]:
    """Record the tags of the search's runs with its identity, and that it runs.

    Returns the tags.
    """
    identity = records.TAGS.read(study).get(IDENTITY) or uuid.uuid4().hex
    tags = {**tags, IDENTITY: identity}
    records.TAGS.write(study, tags)
    records.ENDING.write(study, None)
    records.ALL_WRITTEN.write(study, False)
    if not records.FIRST_STARTED.recorded(study) and not trials(study):
        records.FIRST_STARTED.write(study, time.time())
    return tags


def conclude(study: optuna.Study, ending: str) -> None:
    """Record how the search ended, and when."""
    records.LAST_ENDED.write(study, time.time())
    records.ENDING.write(study, ending)


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
