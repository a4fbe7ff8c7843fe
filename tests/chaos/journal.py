"""The trials in a search's journal, and how they differ from the undisturbed search's."""

import json
from dataclasses import dataclass
from pathlib import Path

from optuna.trial import TrialState

from search.study import records
from search.study import study as studies
from tests import tiny


@dataclass(frozen=True)
class Trial:
    """What is compared of a trial: everything but its times."""

    config: str
    state: str
    value: float | None
    curve: tuple[str, ...]


def read_trials(folder: Path) -> dict[int, Trial]:
    """The trials in a search's folder by number; none where the search has not begun."""
    try:
        study = studies.read_study(folder)
    except ValueError:
        return {}
    trials = {}
    for trial in studies.trials(study):
        curve = tiny.curve(records.epochs(trial))
        trials[trial.number] = Trial(
            config=json.dumps(records.CONFIG.read(trial), sort_keys=True),
            state=trial.state.name,
            value=trial.value,
            curve=tuple(json.dumps(epoch, sort_keys=True) for epoch in curve),
        )
    return trials


def read_running(folder: Path) -> set[int]:
    """Numbers of the trials that are running."""
    try:
        study = studies.read_study(folder)
    except ValueError:
        return set()
    running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    return {trial.number for trial in running}


def count_progress(journal: Path) -> tuple[int, int]:
    """Trials that ended and epochs, counted in the journal's text."""
    text = journal.read_text(encoding="utf-8") if journal.is_file() else ""
    return text.count('"datetime_complete"'), text.count('{"epoch:')


def complete(trials: dict[int, Trial]) -> dict[int, Trial]:
    """Those that completed."""
    return {number: trial for number, trial in trials.items() if trial.state == "COMPLETE"}


def describe_difference(expected: Trial, actual: Trial) -> str:
    """The fields in which two trials differ."""
    fields = ("config", "state", "value", "curve")
    names = [name for name in fields if getattr(expected, name) != getattr(actual, name)]
    return (
        f"{', '.join(names)}: {actual.state} with {len(actual.curve)} epochs, expected"
        f" {expected.state} with {len(expected.curve)}"
    )


def best_config(trials: dict[int, Trial]) -> str | None:
    """The configuration of the best trial; of equal ones, the earliest."""
    ranked = sorted(complete(trials).items(), key=lambda item: (-(item[1].value or 0.0), item[0]))
    return ranked[0][1].config if ranked else None
