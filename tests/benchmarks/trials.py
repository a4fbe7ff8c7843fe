"""What a search left of its trials, read alike from Hugging Face's side and from Regimen's."""

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
    """One trial. Lists have an entry an epoch; times are seconds since 1970."""

    learning_rate: float
    seconds: list[float]
    """Of the epoch, validation included."""
    accuracies: list[float]
    """On validation, after the epoch."""
    ended: float | None
    """None where it did not come to its end."""
    threads: int | None = None


@dataclass(frozen=True)
class Trials:
    """A search: when it asked for its first trial, and its trials."""

    asked: float
    trials: list[Trial]

    @property
    def complete(self) -> list[Trial]:
        """Those that came to their end."""
        return [trial for trial in self.trials if trial.ended is not None]


def of_events(path: Path) -> Trials:
    """What Hugging Face's side wrote, a JSON object a line.

    Raises ValueError where it did not get as far as its first trial.
    """
    events = read_events(path)
    asked = [event["at"] for event in events if event["event"] == "asked"]
    if not asked:
        raise ValueError("the search did not come to its first trial")
    found = []
    for begin in (event for event in events if event["event"] == "begin"):
        own = [event for event in events if event.get("trial") == begin["trial"]]
        epochs = [event for event in own if event["event"] == "epoch"]
        ended = [event["at"] for event in own if event["event"] == "end"]
        accuracies = [epoch["accuracy"] for epoch in epochs]
        seconds = [epoch["seconds"] for epoch in epochs]
        found.append(
            Trial(
                begin["learning_rate"],
                seconds,
                accuracies,
                ended[0] if ended else None,
                begin["threads"],
            )
        )
    return Trials(min(asked), found)


def read_events(path: Path) -> list[dict[str, Any]]:
    """All lines so far; a last line that is not whole yet is left out."""
    lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]


def of_study(folder: Path) -> Trials:
    """What Regimen's journal holds.

    Raises ValueError where it did not get as far as its first trial.
    """
    study = studies.read_study(folder)
    threads = study.user_attrs.get("conditions", {}).get("threads")
    found = []
    began = []
    for trial in studies.trials(study):
        if trial.datetime_start is not None:
            began.append(trial.datetime_start.timestamp())
        done = trial.datetime_complete if trial.state == TrialState.COMPLETE else None
        epochs = records.epochs(trial)
        seconds, accuracies = (
            [epoch["seconds"] for epoch in epochs],
            [epoch["validation_accuracy"] for epoch in epochs],
        )
        rate = records.CONFIG.read(trial)["learning_rate"]
        found.append(Trial(rate, seconds, accuracies, done.timestamp() if done else None, threads))
    if not began:
        raise ValueError("the search did not come to its first trial")
    return Trials(min(began), found)


def paired(ours: Sequence[Trial], theirs: Iterable[Trial]) -> list[float]:
    """Our last accuracy minus theirs, for each learning rate that both have."""
    last = by_rate(theirs)
    return [
        trial.accuracies[-1] - last[key]
        for trial, key in ((trial, _key(trial)) for trial in ours)
        if key in last
    ]


def by_rate(trials: Iterable[Trial]) -> Mapping[str, float]:
    """The last accuracy by learning rate, which stands for the whole configuration where nothing
    else differs."""
    return {_key(trial): trial.accuracies[-1] for trial in trials}


def _key(trial: Trial) -> str:
    return f"{trial.learning_rate:.6g}"
