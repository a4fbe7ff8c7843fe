"""What a search records in its study: every key of the journal, with its typed reader and writer.

Optuna itself keeps parameters, states, and the scores by the search's metric. Everything else is an
attribute of a trial or of the study, and only this file knows its name. What people want to see in
Optuna's dashboard is a user attribute; epochs, curves and predictions are system attributes. Early
versions had user attributes only, and are read too.
"""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.trial import FrozenTrial

from analysis.read.correct import to_hex
from analysis.read.earlier import EPOCH_NAMES, TEST_NAMES, renamed
from search.study import last_ending
from search.worker_reports import BESIDE_EPOCH
from trainables.parts.training.epoch_metrics import EPOCH_FIELDS, Epoch

T = TypeVar("T")
Record = dict[str, Any]
"""An epoch as it is recorded: the fields of `Epoch`, and what is known of `BESIDE_EPOCH`."""
TestScores = dict[str, float]
"""`test_accuracy`, `test_macro_f1` (not in earlier versions), `test_loss`, `test_loss_paper`."""

EPOCH_PREFIX = "epoch:"
"""A trial's system attribute `epoch:N` is its epoch with that number."""
EARLIER_NAMES = EPOCH_NAMES | TEST_NAMES
"""Metrics under the names that earlier versions recorded, and today's."""


class HasAttributes(Protocol):
    """A trial or a study, as Optuna has them."""

    @property
    def user_attrs(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Key(Generic[T]):
    """A user attribute of trials or studies."""

    name: str
    default: T

    def read(self, holder: HasAttributes) -> T:
        """Its value, or the default where it was not recorded."""
        value: T = holder.user_attrs.get(self.name, self.default)
        return value

    def recorded(self, holder: HasAttributes) -> bool:
        """Whether it was recorded."""
        return self.name in holder.user_attrs

    def write(self, holder: Any, value: T) -> None:
        """Record it. The value goes through JSON, so that it is read back as it is here."""
        holder.set_user_attr(self.name, json.loads(json.dumps(value)))


@dataclass(frozen=True)
class HiddenKey(Generic[T]):
    """A system attribute of the study, which Optuna's dashboard does not show."""

    name: str
    default: T

    def read(self, study: optuna.Study) -> T:
        """Its value, or the default where it was not recorded."""
        value: T = _attributes(study, self.name).get(self.name, self.default)
        return value

    def recorded(self, study: optuna.Study) -> bool:
        """Whether it was recorded."""
        return self.name in _attributes(study, self.name)

    def write(self, study: optuna.Study, value: T) -> None:
        """Record it. The value goes through JSON, so that it is read back as it is here."""
        _hide(study, self.name, value)


@dataclass(frozen=True)
class RunKey(Generic[T]):
    """An attribute of the study with a value for each of several full runs: of a trial on a
    seed."""

    name: str
    hidden: bool = False
    """Whether it is a system attribute, which Optuna's dashboard does not show."""

    def read(self, study: optuna.Study) -> dict[int, dict[int, T]]:
        """The values by trial number and seed, in the order in which they were recorded."""
        recorded: dict[str, dict[str, T]] = _attributes(study, self.name).get(self.name, {})
        return {
            int(trial): {int(seed): _translated(value) for seed, value in runs.items()}
            for trial, runs in recorded.items()
        }

    def of(self, study: optuna.Study, trial: int | None) -> dict[int, T]:
        """The values of a trial by seed; empty where there are none."""
        return {} if trial is None else self.read(study).get(trial, {})

    def recorded(self, study: optuna.Study) -> bool:
        """Whether it was recorded, even if it is empty."""
        return self.name in _attributes(study, self.name)

    def begin(self, study: optuna.Study) -> None:
        """Record that there are no runs yet."""
        self.write(study, {})

    def add(self, study: optuna.Study, trial: int, seed: int, value: T) -> None:
        """Record the value of one run."""
        recorded = _attributes(study, self.name).get(self.name, {})
        runs = {**recorded.get(str(trial), {}), str(seed): value}
        self.write(study, {**recorded, str(trial): runs})

    def write(self, study: optuna.Study, values: Mapping[str, Any]) -> None:
        """Record the values of all runs, by trial and seed as text."""
        if self.hidden:
            _hide(study, self.name, values)
        else:
            study.set_user_attr(self.name, json.loads(json.dumps(values)))


def _attributes(study: optuna.Study, name: str) -> dict[str, Any]:
    """The attributes of the study that have `name`, if any has."""
    hidden = study._storage.get_study_system_attrs(study._study_id)
    return copy.deepcopy({name: hidden[name]}) if name in hidden else study.user_attrs


def _hide(study: optuna.Study, name: str, value: Any) -> None:
    value = json.loads(json.dumps(value))
    study._storage.set_study_system_attr(study._study_id, name, value)


# Of a trial

CONFIG = Key[dict[str, Any]]("config", {})
"""Its whole configuration: every field of the regime's Config."""
FAILURE = Key[str | None]("reason", None)
"""Why it failed."""
WORKER_DIED = Key[bool]("died", False)
"""Its worker died once on a living node; the trial was queued again."""
NODES_LOST = Key[int]("nodes_lost", 0)
"""How many nodes died under it; it was queued again each time."""
DUPLICATE_OF = Key[int | None]("duplicate_of", None)
"""The trial that has the same configuration. This one was not run."""
REPLACEMENT = Key[bool]("replacement", False)
"""It was drawn at random where the sampler kept proposing duplicates."""

# Of the study: the search

CONDITIONS = Key[dict[str, Any]]("conditions", {})
"""What must stay the same in all trials: fingerprints of `data` and `model`, `precision`,
`threads`, `device`, and the `metric` (not in earlier versions, whose metric is the accuracy)."""
SECONDS = Key[float]("seconds", 0.0)
"""Wall time of the search, over all its processes that have ended."""
PROCESS_STARTED = Key[float | None]("process_started", None)
"""When the process that runs it started, in seconds since 1970; None once that has ended."""
TAGS = Key[dict[str, str]]("tags", {})
"""MLflow tags on every run of the search."""
IDENTITY = "regimen.id"
"""The tag that identifies a search, wherever its folder is and however often its name was used."""
VERSION = "version."
"""How the tags begin that have the version of a library."""
ENDING = Key[str | None](last_ending.KEY, None)
"""How the search ended last; None while it runs. Journals of early versions have none."""
ALL_WRITTEN = Key[bool]("all_written", False)
"""Whether the process that ended last wrote everything: files, report, MLflow. Journals of early
versions have none."""
PAGE = Key[str | None]("leaderboard", None)
"""The path of its leaderboard in MLflow's UI, as the process that ended last printed it."""
FIRST_STARTED, LAST_ENDED = Key[float]("first_began", 0.0), Key[float]("last_ended", 0.0)
"""When its first process started and its last one ended, in seconds since 1970."""

FLOORS = HiddenKey[dict[str, Record]]("floors", {})
"""The floors by regime: each one's whole `config`, the `chosen` part of it, its scores and loss
on validation, when it started and ended, and its `test` scores once the winner's are known. That of
`probe` also has the `doubts` and `near_duplicates`: labels that may be wrong. Journals of early
versions have none."""

# Of the study: the runs on other seeds, under the names that the first version recorded

CHOICE_RUNS = RunKey[list[Record]]("confirmed", hidden=True)
"""Epochs of the runs that choose the winner."""
CHOICE_FAILURES = RunKey[str]("confirm_failed")
"""Why a run that was to choose the winner failed."""
WINNER = Key[int | None]("winner", None)
"""The number of the winning trial."""
EQUAL_TRIALS = Key[list[int]]("equal_trials", [])
"""The trials that are equal to the winner for practical purposes, where the choice ended so."""
REPORT_RUNS = RunKey[list[Record]]("reported", hidden=True)
"""Epochs of the winner's runs that are reported. Journals of early versions have none of these:
they reported the runs that chose the winner."""
REPORT_FAILURES = RunKey[str]("report_failed")
"""Why a run that was to be reported failed."""
TEST_EXPECTED = Key[bool]("test_follows", False)
"""Whether the data has a test split, so that test scores follow the report runs."""
TEST_SCORES = RunKey[TestScores]("tested")
"""Scores of the reported runs on the test split."""


def identity(study: optuna.Study) -> str | None:
    """What identifies the search; None in journals of early versions."""
    return TAGS.read(study).get(IDENTITY)


def predictions(trial: int, seed: int) -> HiddenKey[dict[str, list[Any]] | None]:
    """What a reported run predicts on validation: `predicted` (label indices) and `confidence`
    (their probabilities), in the order of the split."""
    return HiddenKey(f"predicted:{trial}:{seed}", None)


def correct(split: str, trial: int, seed: int) -> HiddenKey[Record | None]:
    """Which sentences of `validation` or `test` a choice or report run got right, as `bits`; of
    validation also trial 0. Journals of early versions have none, or none of trial 0."""
    return HiddenKey(f"correct:{split}:{trial}:{seed}", None)


def floor_correct(split: str, regime: str) -> HiddenKey[Record | None]:
    """The same of a floor."""
    return HiddenKey(f"correct:{split}:{regime}", None)


def bits(right: NDArray[np.bool_]) -> Record:
    """Which sentences are right (N,): `sentences`, their number, and `correct`, the bits in hex."""
    return {"sentences": len(right), "correct": to_hex(right)}


def is_starting_point(trial: FrozenTrial) -> bool:
    """Whether the search began with the trial's configuration."""
    return was_enqueued(trial) and not REPLACEMENT.read(trial)


def was_enqueued(trial: FrozenTrial) -> bool:
    """Whether the trial was queued with its parameters, and not proposed by the sampler."""
    return "fixed_params" in trial.system_attrs


def epochs(trial: FrozenTrial) -> list[Record]:
    """The epochs that a trial reported, in order."""
    attributes = {**trial.user_attrs, **trial.system_attrs}
    names = [name for name in attributes if name.startswith(EPOCH_PREFIX)]
    names.sort(key=lambda name: int(name.removeprefix(EPOCH_PREFIX)))
    return [_translated(attributes[name]) for name in names]


def epoch_of(report: Mapping[str, Any]) -> Record:
    """The epoch that a report holds, and what the worker measured beside it."""
    fields_of_epoch = {name: report[name] for name in EPOCH_FIELDS if name in report}
    epoch = Epoch(**fields_of_epoch).to_dict()  # what the report lacks has its default
    return epoch | {name: report[name] for name in BESIDE_EPOCH if name in report}


def record_epoch(trial: optuna.Trial, report: Mapping[str, Any]) -> None:
    """Record the epoch that a trial's report holds."""
    epoch = epoch_of(report)
    name = f"{EPOCH_PREFIX}{epoch['epoch']}"
    trial.storage.set_trial_system_attr(trial._trial_id, name, json.loads(json.dumps(epoch)))


def _translated(value: Any) -> Any:
    """A recorded value with today's names of its metrics: an epoch, a list of them, or scores."""
    if isinstance(value, list):
        return [_translated(item) for item in value]
    if isinstance(value, dict) and not EARLIER_NAMES.keys().isdisjoint(value):
        return renamed(value, EARLIER_NAMES)
    return value
