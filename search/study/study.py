"""The study: one Optuna study in a journal file, the only record of a search."""

import logging
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from analysis.metric import best_validation_field
from search.spec import SearchSpec
from search.study import records
from search.study.configuration import point_configuration, point_parameters, starting_points
from search.study.journal import Storage, repair
from search.study.last_ending import JOURNAL
from search.study.pruners import pruner
from search.study.samplers import sampler

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
logging.getLogger("optuna").setLevel(logging.ERROR)


def open_study(spec: SearchSpec) -> optuna.Study:
    """Load the search's study, or create it with the paper's configuration queued as trial 0.

    The caller holds the search's lock: nobody else may write to it.
    """
    path = spec.folder / JOURNAL
    repair(path)
    study = optuna.create_study(
        study_name=spec.name,
        storage=Storage(path),
        sampler=sampler(spec),
        pruner=pruner(spec),
        direction="maximize",
        load_if_exists=True,
    )
    if not study.metric_names:  # as Optuna's dashboard shows them
        study.set_metric_names([best_validation_field(spec.metric)])
    # All points in a new study; those still missing in one that was killed while it queued them.
    queued = len(study.get_trials(deepcopy=False))
    for point in starting_points(spec)[queued:]:
        config = {records.CONFIG.name: point_configuration(spec, point)}
        study.enqueue_trial(point_parameters(spec, point), user_attrs=config)
    return study


def read_study(folder: Path) -> optuna.Study:
    """The study of a search, to be read only. Raises ValueError where the folder has none."""
    path = folder / JOURNAL
    if not path.is_file():
        raise ValueError(f"no search in '{folder}': it has no {JOURNAL}")
    storage = JournalStorage(JournalFileBackend(str(path)))
    names = optuna.get_all_study_names(storage)
    if not names:
        raise ValueError(f"no search in '{folder}': its {JOURNAL} is empty")
    return optuna.load_study(study_name=names[0], storage=storage)


def transaction(study: optuna.Study) -> AbstractContextManager[None]:
    """All changes in this block go to the journal at once; nobody sees them before."""
    storage = study._storage
    assert isinstance(storage, Storage), "the study was opened read-only"
    return storage.transaction()


def interrupt(study: optuna.Study) -> None:
    """Queue the trials that an earlier process left running."""
    with transaction(study):
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            requeue(study, trial.number)


def requeue(study: optuna.Study, number: int) -> None:
    """Queue an unfinished trial again.

    It keeps its number, parameters and epochs, and will repeat these exactly.
    """
    trial = study.get_trials(deepcopy=False)[number]
    study._storage.set_trial_state_values(trial._trial_id, TrialState.WAITING)


def trials(study: optuna.Study) -> list[FrozenTrial]:
    """The search's trials, without queued ones and duplicates."""
    return started(study.get_trials(deepcopy=False))


def started(every: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The trials that were started and are no duplicates: what a user calls a trial."""
    return [
        trial
        for trial in every
        if trial.state != TrialState.WAITING
        and records.CONFIG.recorded(trial)
        and not records.DUPLICATE_OF.recorded(trial)
    ]


def ranking(study: optuna.Study) -> list[FrozenTrial]:
    """Complete trials, the best first; on ties the earlier one."""
    complete = [trial for trial in trials(study) if trial.state == TrialState.COMPLETE]
    return sorted(complete, key=lambda trial: (-(trial.value or 0.0), trial.number))


def paper_trial(study: optuna.Study) -> FrozenTrial | None:
    """Trial 0, which has the paper's configuration."""
    return next((trial for trial in trials(study) if trial.number == 0), None)


def epochs_trained(study: optuna.Study, budget: int) -> int:
    """The epochs of all trials together, up to `budget` of each: later stages are cheap."""
    return sum(epoch <= budget for trial in trials(study) for epoch in trial.intermediate_values)
