"""The study: one Optuna study in a journal file, the only record of a search."""

import json
import logging
import warnings
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import optuna
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, RandomSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FixedTrial, FrozenTrial, TrialState

import spaces
import trainables
from search.spec import SearchSpec
from trainables.parts.epoch import Epoch

JOURNAL = "study.journal"
CONFIG, REASON, DUPLICATE, INTERRUPTED = "config", "reason", "duplicate_of", "interrupted"
FIRST_ATTEMPT = "first_attempt"
EPOCH = "epoch:"
"""User attributes of a trial: its whole configuration, why it failed, what it repeats, and each epoch's report."""
EPOCH_FIELDS = tuple(field.name for field in fields(Epoch))

REPETITIONS = 10
"""Duplicates in a row after which a sampler is taken to be stuck."""

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
logging.getLogger("optuna").setLevel(logging.ERROR)


def open_study(spec: SearchSpec) -> optuna.Study:
    """The search's study: loaded where its journal exists, else created, with the paper's configuration waiting as trial 0."""
    path = spec.folder / JOURNAL
    study = optuna.create_study(
        study_name=spec.name,
        storage=JournalStorage(JournalFileBackend(str(path))),
        sampler=_sampler(spec),
        pruner=_pruner(spec),
        direction="maximize",
        load_if_exists=True,
    )
    if not study.get_trials(deepcopy=False):
        for point in [{}, *getattr(spaces.load(spec.regime), "POINTS", [])]:
            study.enqueue_trial(point_of(spec, point))
    return study


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


def _sampler(spec: SearchSpec) -> BaseSampler:
    if spec.sampler == "tpe":
        return TPESampler(seed=spec.seed, multivariate=True, group=True, constant_liar=True)
    if spec.sampler == "gp":
        return GPSampler(seed=spec.seed, warn_independent_sampling=False)
    if spec.sampler == "cmaes":
        return CmaEsSampler(seed=spec.seed, warn_independent_sampling=False)
    return RandomSampler(seed=spec.seed)


def _pruner(spec: SearchSpec) -> BasePruner:
    """Optuna's pruners: they decide from the study's own records, so a resumed search decides as if it had never stopped."""
    grace, factor = spec.grace_epochs, spec.reduction_factor
    if spec.scheduler == "asha":
        return SuccessiveHalvingPruner(min_resource=grace, reduction_factor=factor)
    if spec.scheduler == "hyperband":
        return HyperbandPruner(min_resource=grace, max_resource=spec.epochs, reduction_factor=factor)
    if spec.scheduler == "median":
        return MedianPruner(n_startup_trials=5, n_warmup_steps=grace)
    return NopPruner()


class _Fixed:
    """A trial in which some names have their values already: a space asks it as it would ask the trial."""

    def __init__(self, trial: Any, values: dict[str, Any]) -> None:
        self.trial, self.values = trial, values

    def _suggest(self, method: str, name: str, *args: Any, **kwargs: Any) -> Any:
        return self.values[name] if name in self.values else getattr(self.trial, method)(name, *args, **kwargs)

    def suggest_float(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return self._suggest("suggest_float", name, *args, **kwargs)

    def suggest_int(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return self._suggest("suggest_int", name, *args, **kwargs)

    def suggest_categorical(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return self._suggest("suggest_categorical", name, *args, **kwargs)


def configuration(spec: SearchSpec, trial: Any) -> dict[str, Any]:
    """Every field of the regime's Config for a trial: suggested, fixed by the user, or the paper's."""
    suggested = spaces.load(spec.regime).space(_Fixed(trial, spec.fix))
    config: dict[str, Any] = trainables.load(spec.regime).Config.from_dict({**suggested, **spec.fix}).to_dict()
    return config


def point_of(spec: SearchSpec, values: dict[str, Any]) -> dict[str, Any]:
    """The parameters that the space suggests where it is led along a configuration: the paper's, with `values` in its place."""
    defaults = trainables.load(spec.regime).Config.from_dict({**values, **spec.fix}).to_dict()
    trial = FixedTrial(defaults)
    spaces.load(spec.regime).space(_Fixed(trial, spec.fix))
    return dict(trial.params)


def ask(study: optuna.Study, spec: SearchSpec) -> optuna.Trial | None:
    """The next trial, its configuration in its attributes; None where the space holds nothing that was not run.

    A configuration that another trial has is closed at once with a reason: with one seed, it would only repeat that trial's curve.
    A sampler that goes on repeating itself is helped by a random configuration that is new.
    """
    for attempt in range(REPETITIONS + 1):
        if attempt == REPETITIONS:
            unseen = _unseen(study, spec)
            if unseen is None:
                return None
            study.enqueue_trial(unseen)
        trial = study.ask()
        config = configuration(spec, trial)
        trial.set_user_attr(CONFIG, config)
        same = _known(study).get(_key(config), trial.number)
        if same == trial.number:
            return trial
        trial.set_user_attr(DUPLICATE, same)
        trial.set_user_attr(REASON, f"same configuration as trial {same}")
        study.tell(trial, state=TrialState.FAIL)
    return None


def _key(config: dict[str, Any]) -> str:
    return json.dumps(config, sort_keys=True)


def _known(study: optuna.Study) -> dict[str, int]:
    """The first trial of each configuration that was asked for; an interrupted attempt does not count."""
    found: dict[str, int] = {}
    for trial in study.get_trials(deepcopy=False):
        if CONFIG in trial.user_attrs and INTERRUPTED not in trial.user_attrs:
            found.setdefault(_key(trial.user_attrs[CONFIG]), trial.number)
    return found


def _unseen(study: optuna.Study, spec: SearchSpec, draws: int = 2000) -> dict[str, Any] | None:
    """Random parameters whose configuration no trial has, or None where `draws` of them found none."""
    known = _known(study)
    scratch = optuna.create_study(sampler=RandomSampler(seed=spec.seed + len(known)))
    for _ in range(draws):
        trial = scratch.ask()
        if _key(configuration(spec, trial)) not in known:
            return dict(trial.params)
    return None


def interrupt(study: optuna.Study) -> None:
    """Close what a search left running, and queue the same parameters to be run again."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        close_interrupted(study, trial.number)


def close_interrupted(study: optuna.Study, number: int) -> None:
    """One unfinished trial becomes FAIL, marked as interrupted, and its parameters wait for the next run of the search."""
    trial = study.get_trials(deepcopy=False)[number]
    study._storage.set_trial_user_attr(trial._trial_id, REASON, "interrupted before its last epoch")
    study._storage.set_trial_user_attr(trial._trial_id, INTERRUPTED, True)
    study.tell(number, state=TrialState.FAIL)
    asked = {**trial.system_attrs.get("fixed_params", {}), **trial.params}  # killed while it was being asked, it has not all of them
    study.enqueue_trial(asked, user_attrs={FIRST_ATTEMPT: first_attempt(trial)})


def first_attempt(trial: FrozenTrial) -> int:
    """The number under which users know a trial: that of its first attempt, where it was interrupted and run again."""
    number: int = trial.user_attrs.get(FIRST_ATTEMPT, trial.number)
    return number


def trials(study: optuna.Study) -> list[FrozenTrial]:
    """The search's trials: without what waits in the queue, duplicates, and attempts that were interrupted and run again."""
    return visible(study.get_trials(deepcopy=False))


def visible(found: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Of `found`, what a user calls a trial."""
    hidden = (DUPLICATE, INTERRUPTED)
    return [
        trial
        for trial in found
        if trial.state != TrialState.WAITING and CONFIG in trial.user_attrs and not any(key in trial.user_attrs for key in hidden)
    ]


def epochs(trial: FrozenTrial) -> list[dict[str, Any]]:
    """What the trial reported, in order: `trainables.parts.epoch.Epoch` as dictionaries."""
    numbers = sorted(int(key.removeprefix(EPOCH)) for key in trial.user_attrs if key.startswith(EPOCH))
    return [trial.user_attrs[f"{EPOCH}{number}"] for number in numbers]


def ranking(study: optuna.Study) -> list[FrozenTrial]:
    """Trials at full budget, the best first; the earlier one of equals."""
    complete = [trial for trial in trials(study) if trial.state == TrialState.COMPLETE]
    return sorted(complete, key=lambda trial: (-(trial.value or 0.0), trial.number))


def paper_trial(study: optuna.Study) -> FrozenTrial | None:
    """The trial with the paper's configuration: trial 0, in its last attempt."""
    return next((trial for trial in trials(study) if first_attempt(trial) == 0), None)


def remember(study: optuna.Study, key: str, value: Any) -> None:
    """Record a result of the whole search (a confirmation, a test score) in the journal."""
    study.set_user_attr(key, json.loads(json.dumps(value)))
