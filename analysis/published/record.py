"""A published search: what a small JSON file keeps of it, without rows of data, paths or names."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.atomic import write
from analysis.read.correct import Correct, from_hex
from analysis.read.files import read_json, record
from analysis.read.summary import Summary


@dataclass(frozen=True)
class RightSentences:
    """Which sentences of a split a report run or a floor got right, as a row of correct.csv."""

    kind: str
    trial: int
    seed: int
    split: str
    sentences: int
    correct: str
    """Hexadecimal digits, as `analysis.read.correct.to_hex` writes them."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """One finished search. Data and model are named without their folders."""

    command: str
    """What repeats it, with every value that its numbers depend on."""
    date: str
    """The day on which its last epoch ended; empty where that is not recorded."""
    shots: int | None
    """Training rows of each label; None where train is whole."""
    configuration: Mapping[str, str]
    """The winner's hyperparameters, as trials.csv has them; empty for None."""
    searched: tuple[str, ...]
    """Those of them that the search chose."""
    summary: Summary
    """Its outcome."""
    correct: tuple[RightSentences, ...] = ()
    """Of its report runs and its best floor; empty where an earlier version published it."""

    @property
    def right(self) -> Correct:
        """The same as bits, as evidence takes them."""
        runs = {
            (row.kind, row.trial, row.seed, row.split): from_hex(row.correct, row.sentences)
            for row in self.correct
        }
        return Correct(runs, self.summary.winner_trial)


def read_published(folder: Path) -> list[Published]:
    """The published searches in a folder, sorted by file name; none where there is no folder.

    Raises ValueError where a file is damaged.
    """
    return [record(path, read_json(path), Published) for path in sorted(folder.glob("*.json"))]


def write_published(folder: Path, published: Published) -> Path:
    """Write a search's file, or write it anew; returns its path.

    Raises ValueError where another search of this name is published.
    """
    path = folder / f"{published.summary.name}.json"
    if path.exists() and _flags(record(path, read_json(path), Published)) != _flags(published):
        raise ValueError(
            f"'{path}' holds another search of this name; give one of them another --name"
        )
    content: dict[str, Any] = dataclasses.asdict(published)
    write(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return path


def _flags(published: Published) -> set[str]:
    """The flags of its command with their values: their order says nothing."""
    return set(published.command.split(" --"))
