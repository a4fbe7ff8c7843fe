"""The next trial: a queued one, or one that the sampler proposes, but no configuration twice."""

import json
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.samplers import RandomSampler
from optuna.trial import TrialState

import trainables
from search.spec import SearchSpec
from search.study import records
from search.study.configuration import configuration
from search.study.study import transaction

MAX_DUPLICATES = 10
"""Duplicates in a row after which a random configuration is tried instead of the sampler's."""
MAX_RANDOM_DRAWS = 2000
"""Random configurations that are drawn to find one that no trial has."""


def ask(
    study: optuna.Study, spec: SearchSpec, first_trials: dict[str, int] | None = None
) -> optuna.Trial | None:
    """The next trial, its configuration recorded; None where the space has no other one.

    A trial with a configuration that another one has fails at once with that reason: on the same
    seed it would only repeat the other's curve. If the sampler keeps repeating itself, a random new
    configuration is queued. `first_trials` is what `first_trial_of_each` returns, for a caller that
    keeps it; new trials are added to it.
    """
    if first_trials is None:
        first_trials = first_trial_of_each(study, spec)
    with transaction(study):
        for _ in range(MAX_DUPLICATES):
            trial = _next(study, spec, first_trials)
            if trial is not None:
                return trial
        parameters = _new_parameters(spec, first_trials)
        if parameters is None:
            return None
        study.enqueue_trial(parameters, user_attrs={records.REPLACEMENT.name: True})
        return _next(study, spec, first_trials)


def first_trial_of_each(study: optuna.Study, spec: SearchSpec) -> dict[str, int]:
    """The number of the first trial of each configuration.

    A field that an earlier version did not have yet counts with its default.
    """
    defaults = trainables.load(spec.regime).Config().to_dict()
    first_trials: dict[str, int] = {}
    for trial in study.get_trials(deepcopy=False):
        if records.CONFIG.recorded(trial):
            config = {**defaults, **records.CONFIG.read(trial)}
            first_trials.setdefault(_key(config), trial.number)
    return first_trials


def _next(
    study: optuna.Study, spec: SearchSpec, first_trials: dict[str, int]
) -> optuna.Trial | None:
    """The next trial of the queue or the sampler, or None if it is a duplicate."""
    trial = study.ask()
    # A trial that runs again keeps what it had: the space may have changed since.
    if not (records.CONFIG.recorded(trial) and trial.params):
        suggested = configuration(spec, trial)
        records.CONFIG.write(trial, records.CONFIG.read(trial) or suggested)
    first = first_trials.setdefault(_key(records.CONFIG.read(trial)), trial.number)
    if first == trial.number:
        return trial
    records.DUPLICATE_OF.write(trial, first)
    records.FAILURE.write(trial, f"same configuration as trial {first}")
    study.tell(trial, state=TrialState.FAIL)
    return None


def _key(config: dict[str, Any]) -> str:
    return json.dumps(config, sort_keys=True)


def _new_parameters(spec: SearchSpec, first_trials: Mapping[str, int]) -> dict[str, Any] | None:
    """Random parameters whose configuration no trial has, or None where none was drawn."""
    study = optuna.create_study(sampler=RandomSampler(seed=spec.seed + len(first_trials)))
    for _ in range(MAX_RANDOM_DRAWS):
        trial = study.ask()
        if _key(configuration(spec, trial)) not in first_trials:
            return dict(trial.params)
    return None
