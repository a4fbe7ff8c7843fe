"""The study: one Optuna study in a journal file, the only record of a search."""

import json
import logging
import warnings
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import fields
from pathlib import Path
from typing import Any

import optuna
from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    MedianPruner,
    NopPruner,
    SuccessiveHalvingPruner,
)
from optuna.samplers import RandomSampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FixedTrial, FrozenTrial, TrialState

import spaces
import trainables
from search.spec import SearchSpec
from search.study.journal import Storage, mend
from search.study.samplers import DUPLICATE, sampler
from trainables.parts.training.epoch import Epoch

JOURNAL = "study.journal"
CONFIG, REASON, DIED = "config", "reason", "died"
EPOCH = "epoch:"
"""User attributes of a trial: its whole configuration, why it failed, how its worker died once, and
each epoch's report."""
EPOCH_FIELDS = tuple(field.name for field in fields(Epoch))

REPETITIONS = 10
"""Duplicates in a row after which a sampler is taken to be stuck."""

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
logging.getLogger("optuna").setLevel(logging.ERROR)


def open_study(spec: SearchSpec) -> optuna.Study:
    """The search's study: loaded where its journal exists, else created, with the paper's
    configuration waiting as trial 0.

    Nobody else may be writing to it.
    """
    path = spec.folder / JOURNAL
    mend(path)
    study = optuna.create_study(
        study_name=spec.name,
        storage=Storage(path),
        pruner=_pruner(spec),
        direction="maximize",
        load_if_exists=True,
    )
    there = len(study.get_trials(deepcopy=False))
    study.sampler = sampler(spec)
    points = [{}, *getattr(spaces.load(spec.regime), "POINTS", [])]
    # All points in a new study; in one that was killed while it enqueued them, those still missing.
    for point in points[there:]:
        study.enqueue_trial(point_of(spec, point), user_attrs={CONFIG: _whole(spec, point)})
    return study


def entry(study: optuna.Study) -> AbstractContextManager[None]:
    """All changes of this block are written to the journal at once, and nobody sees them before."""
    storage = study._storage
    assert isinstance(storage, Storage), "a study that was opened to be read only"
    return storage.entry()


def read_study(folder: Path) -> optuna.Study:
    """A finished or interrupted search's study. Raises ValueError where the folder holds none."""
    path = folder / JOURNAL
    if not path.is_file():
        raise ValueError(f"no search in '{folder}': it has no {JOURNAL}")
    storage = JournalStorage(JournalFileBackend(str(path)))
    names = optuna.get_all_study_names(storage)
    if not names:
        raise ValueError(f"no search in '{folder}': its {JOURNAL} is empty")
    return optuna.load_study(study_name=names[0], storage=storage)


def _pruner(spec: SearchSpec) -> BasePruner:
    """Optuna's pruners: they decide from the study's own records, so a resumed search decides as if
    it had never stopped."""
    grace, factor = spec.grace_epochs, spec.reduction_factor
    if spec.scheduler == "asha":
        return SuccessiveHalvingPruner(min_resource=grace, reduction_factor=factor)
    if spec.scheduler == "hyperband":
        return HyperbandPruner(
            min_resource=grace, max_resource=spec.epochs, reduction_factor=factor
        )
    if spec.scheduler == "median":
        return MedianPruner(n_startup_trials=5, n_warmup_steps=grace)
    return NopPruner()


class _Fixed:
    """A trial in which some names have their values already: a space asks it as it would ask the
    trial."""

    def __init__(self, trial: Any, values: dict[str, Any]) -> None:
        self.trial, self.values = trial, values

    def _suggest(self, method: str, name: str, *args: Any, **kwargs: Any) -> Any:
        return (
            self.values[name]
            if name in self.values
            else getattr(self.trial, method)(name, *args, **kwargs)
        )

    def suggest_float(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return self._suggest("suggest_float", name, *args, **kwargs)

    def suggest_int(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return self._suggest("suggest_int", name, *args, **kwargs)

    def suggest_categorical(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return self._suggest("suggest_categorical", name, *args, **kwargs)


def configuration(spec: SearchSpec, trial: Any) -> dict[str, Any]:
    """Every field of the regime's Config for a trial: suggested, fixed by the user, or the
    paper's."""
    suggested = spaces.load(spec.regime).space(_Fixed(trial, spec.fix))
    config: dict[str, Any] = (
        trainables.load(spec.regime).Config.from_dict({**suggested, **spec.fix}).to_dict()
    )
    return config


def point_of(spec: SearchSpec, values: dict[str, Any]) -> dict[str, Any]:
    """The parameters that the space suggests where it is led along a configuration: the paper's,
    with `values` in its place."""
    trial = _along(spec, values)
    configuration(spec, trial)
    return dict(trial.params)


def _whole(spec: SearchSpec, point: dict[str, Any]) -> dict[str, Any]:
    """A point's configuration: the paper's without change, or what the space makes of the point,
    which has the last word."""
    suggested = configuration(spec, _along(spec, point)) if point else {}
    config: dict[str, Any] = (
        trainables.load(spec.regime).Config.from_dict({**suggested, **point, **spec.fix}).to_dict()
    )
    return config


def _along(spec: SearchSpec, values: dict[str, Any]) -> FixedTrial:
    return FixedTrial(
        trainables.load(spec.regime).Config.from_dict({**values, **spec.fix}).to_dict()
    )


def ask(
    study: optuna.Study, spec: SearchSpec, found: dict[str, int] | None = None
) -> optuna.Trial | None:
    """The next trial, its configuration in its attributes; None where the space holds nothing that
    was not run.

    A point's configuration is in its attributes already: trial 0's has the paper's values also
    where the space sets others. A configuration that another trial has is closed at once with a
    reason: with one seed, it would only repeat that trial's curve. A sampler that goes on repeating
    itself is helped by a random configuration that is new. `found` is what `known` gives, for a
    caller that keeps it: what is asked is added.
    """
    found = known(study) if found is None else found
    with entry(study):
        for _ in range(REPETITIONS):
            trial = _next(study, spec, found)
            if trial is not None:
                return trial
        unseen = _unseen(spec, found)
        if unseen is None:
            return None
        study.enqueue_trial(unseen)
        return _next(study, spec, found)


def _next(study: optuna.Study, spec: SearchSpec, found: dict[str, int]) -> optuna.Trial | None:
    """The next trial of the queue or the sampler, or None where that was a duplicate."""
    trial = study.ask()
    if not (
        CONFIG in trial.user_attrs and trial.params
    ):  # else it runs again, as it was: the space may be another one by now
        suggested = configuration(spec, trial)
        trial.set_user_attr(CONFIG, trial.user_attrs.get(CONFIG, suggested))
    same = found.setdefault(_key(trial.user_attrs[CONFIG]), trial.number)
    if same == trial.number:
        return trial
    trial.set_user_attr(DUPLICATE, same)
    trial.set_user_attr(REASON, f"same configuration as trial {same}")
    study.tell(trial, state=TrialState.FAIL)
    return None


def _key(config: dict[str, Any]) -> str:
    return json.dumps(config, sort_keys=True)


def known(study: optuna.Study) -> dict[str, int]:
    """The first trial of each configuration that was asked for."""
    found: dict[str, int] = {}
    for trial in study.get_trials(deepcopy=False):
        if CONFIG in trial.user_attrs:
            found.setdefault(_key(trial.user_attrs[CONFIG]), trial.number)
    return found


def _unseen(spec: SearchSpec, found: Mapping[str, int], draws: int = 2000) -> dict[str, Any] | None:
    """Random parameters whose configuration no trial has, or None where `draws` of them found
    none."""
    scratch = optuna.create_study(sampler=RandomSampler(seed=spec.seed + len(found)))
    for _ in range(draws):
        trial = scratch.ask()
        if _key(configuration(spec, trial)) not in found:
            return dict(trial.params)
    return None


def interrupt(study: optuna.Study) -> None:
    """Queue what a search left running, to be run again."""
    with entry(study):
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            requeue(study, trial.number)


def requeue(study: optuna.Study, number: int) -> None:
    """An unfinished trial waits again: it keeps its number, its parameters and its epochs, and will
    repeat them to the last bit."""
    study._storage.set_trial_state_values(
        study.get_trials(deepcopy=False)[number]._trial_id, TrialState.WAITING
    )


def trials(study: optuna.Study) -> list[FrozenTrial]:
    """The search's trials: without what waits in the queue, and duplicates."""
    return visible(study.get_trials(deepcopy=False))


def visible(found: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Of `found`, what a user calls a trial."""
    return [
        trial
        for trial in found
        if trial.state != TrialState.WAITING
        and CONFIG in trial.user_attrs
        and DUPLICATE not in trial.user_attrs
    ]


def epochs(trial: FrozenTrial) -> list[dict[str, Any]]:
    """What the trial reported, in order:

    `trainables.parts.training.epoch.Epoch` as dictionaries, in each what is known of
    `search.trials.system_metrics.BESIDE`.
    """
    numbers = sorted(
        int(key.removeprefix(EPOCH)) for key in trial.user_attrs if key.startswith(EPOCH)
    )
    return [trial.user_attrs[f"{EPOCH}{number}"] for number in numbers]


def ranking(study: optuna.Study) -> list[FrozenTrial]:
    """Trials at full budget, the best first; the earlier one of equals."""
    complete = [trial for trial in trials(study) if trial.state == TrialState.COMPLETE]
    return sorted(complete, key=lambda trial: (-(trial.value or 0.0), trial.number))


def paper_trial(study: optuna.Study) -> FrozenTrial | None:
    """The trial with the paper's configuration: trial 0."""
    return next((trial for trial in trials(study) if trial.number == 0), None)


def remember(study: optuna.Study, key: str, value: Any) -> None:
    """Record a result of the whole search (a confirmation, a test score) in the journal."""
    study.set_user_attr(key, json.loads(json.dumps(value)))
