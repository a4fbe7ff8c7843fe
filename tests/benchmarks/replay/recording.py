"""A recorded search: every trial trained to the end, nothing pruned, in two small files.

`NAME.json` holds what all its trials share, `NAME.csv` a row for each trial.
"""

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from analysis import atomic
from search.spec import Sampler

FOLDER = Path(__file__).parent.parent / "curves"
DECIMALS = 4
"""Of an accuracy. With up to 10,000 validation sentences these are all that differ."""


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What all trials of a recording share."""

    data: str
    regime: str
    sampler: Sampler
    seed: int
    """Of the sampler and of every trial."""
    epochs: int
    """The budget of a trial. A two-stage regime adds the epochs of its classifier."""
    model: str
    precision: str
    train: int
    """Sentences."""
    validation: int
    """Sentences."""
    intents: int
    points: int
    """So many trials are the same in any search: the defaults, and the space's own `POINTS`."""
    data_fingerprint: str
    """Of the slice, as `Corpus.fingerprint` has it."""

    @property
    def name(self) -> str:
        """Of the recording's files."""
        return f"{self.data}_{self.regime}_{self.sampler}_{self.seed}"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A trial: its configuration, and what it reported after each epoch."""

    number: int
    """In its study."""
    config: dict[str, Any]
    untrained: float
    """Validation accuracy of a ridge classifier on the encoder's vectors before any training."""
    accuracies: list[float]
    """`validation_accuracy` after each epoch, through all stages."""
    seconds: list[float]
    """Of each epoch, on one thread of a machine that did other things too."""
    score: float | None
    """The last `best_validation_accuracy`; None for a failed trial."""
    failure: str | None = None
    """Why it failed."""


@dataclass(frozen=True)
class Recording:
    """A recorded search, its rows in the order of the trials' numbers."""

    conditions: Conditions
    rows: list[Row]


def read(folder: Path = FOLDER) -> list[Recording]:
    """All recordings in a folder, sorted by name.

    Raises ValueError with one line for a file that is none.
    """
    return [read_one(path) for path in sorted(folder.glob("*.json"))]


def read_one(path: Path) -> Recording:
    """The recording whose conditions are in `path`, maybe still without rows."""
    rows = path.with_suffix(".csv")
    try:
        conditions = Conditions(**json.loads(path.read_text(encoding="utf-8")))
        text = rows.read_text(encoding="utf-8") if rows.exists() else ""
        return Recording(conditions, [_row(cells) for cells in csv.DictReader(io.StringIO(text))])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"'{path}' is not a recording: {error}") from error


def write(recording: Recording, folder: Path) -> None:
    """Write both files, each atomically."""
    path = folder / f"{recording.conditions.name}.json"
    atomic.write(path, json.dumps(asdict(recording.conditions), indent=2) + "\n")
    atomic.write(path.with_suffix(".csv"), _csv(recording.rows))


def _csv(rows: Iterable[Row]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([field.name for field in fields(Row)])
    for row in sorted(rows, key=lambda row: row.number):
        writer.writerow(
            [
                row.number,
                json.dumps(row.config),
                row.untrained,
                " ".join(map(str, row.accuracies)),
                " ".join(map(str, row.seconds)),
                row.score,
                row.failure,
            ]
        )
    return out.getvalue()


def _row(cells: dict[str, str]) -> Row:
    return Row(
        number=int(cells["number"]),
        config=json.loads(cells["config"]),
        untrained=float(cells["untrained"]),
        accuracies=[float(value) for value in cells["accuracies"].split()],
        seconds=[float(value) for value in cells["seconds"].split()],
        score=float(cells["score"]) if cells["score"] else None,
        failure=cells["failure"] or None,
    )
