"""The trials of a search, read from Hugging Face's events or from Regimen's journal."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.trial import TrialState

from search.study import records
from search.study import study as studies


@dataclass(frozen=True)
class Trial:
    """One trial. Lists have one entry per epoch; times are seconds since 1970."""

    learning_rate: float
    seconds: list[float]
    """Of the epoch, validation included."""
    accuracies: list[float]
    """On validation, after the epoch."""
    ended: float | None
    """None if it did not complete."""
    threads: int | None = None


@dataclass(frozen=True)
class Trials:
    """A search: its trials, and when it asked for the first one."""

    asked: float
    trials: list[Trial]

    @property
    def complete(self) -> list[Trial]:
        """The trials that completed."""
        return [trial for trial in self.trials if trial.ended is not None]


def of_events(path: Path) -> Trials:
    """Read the events of Hugging Face's side, one JSON object per line.

    Raises ValueError if there is no trial.
    """
    events = read_events(path)
    asked = [event["at"] for event in events if event["event"] == "asked"]
    if not asked:
        raise ValueError("the search began no trial")
    read = []
    for begin in (event for event in events if event["event"] == "begin"):
        own = [event for event in events if event.get("trial") == begin["trial"]]
        epochs = [event for event in own if event["event"] == "epoch"]
        ended = [event["at"] for event in own if event["event"] == "end"]
        accuracies = [epoch["accuracy"] for epoch in epochs]
        seconds = [epoch["seconds"] for epoch in epochs]
        read.append(
            Trial(
                begin["learning_rate"],
                seconds,
                accuracies,
                ended[0] if ended else None,
                begin["threads"],
            )
        )
    return Trials(min(asked), read)


def read_events(path: Path) -> list[dict[str, Any]]:
    """All complete lines so far."""
    lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]


def of_study(folder: Path) -> Trials:
    """Read Regimen's journal. Raises ValueError if there is no trial."""
    study = studies.read_study(folder)
    threads = study.user_attrs.get("conditions", {}).get("threads")
    ended = []
    began = []
    for trial in studies.trials(study):
        if trial.datetime_start is not None:
            began.append(trial.datetime_start.timestamp())
        done = trial.datetime_complete if trial.state == TrialState.COMPLETE else None
        epochs = records.epochs(trial)
        seconds = [epoch["seconds"] for epoch in epochs]
        accuracies = [epoch["validation_accuracy"] for epoch in epochs]
        rate = records.CONFIG.read(trial)["learning_rate"]
        ended.append(Trial(rate, seconds, accuracies, done.timestamp() if done else None, threads))
    if not began:
        raise ValueError("the search began no trial")
    return Trials(min(began), ended)


def paired(ours: Sequence[Trial], theirs: Iterable[Trial]) -> list[float]:
    """Our last accuracy minus theirs, for each learning rate that both trained."""
    last = by_rate(theirs)
    return [
        trial.accuracies[-1] - last[key]
        for trial, key in ((trial, _key(trial)) for trial in ours)
        if key in last
    ]


def by_rate(trials: Iterable[Trial]) -> Mapping[str, float]:
    """The last accuracy by learning rate, where nothing else differs between configurations."""
    return {_key(trial): trial.accuracies[-1] for trial in trials}


def _key(trial: Trial) -> str:
    return f"{trial.learning_rate:.6g}"
