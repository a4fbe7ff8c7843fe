"""correct.csv: which sentences each run got right, as bits, without the texts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.read.files import check_whole_numbers, read_csv

COLUMNS = ("kind", "trial", "seed", "split", "sentences", "correct")
Bits = NDArray[np.bool_]


@dataclass(frozen=True)
class Correct:
    """Which sentences a search's runs got right."""

    runs: Mapping[tuple[str, int, int, str], Bits] = field(default_factory=dict)
    """By kind, trial, seed and split: bits (N,) in the split's order. The kind is `search` (trial 0
    only), `choice`, `report`, or a floor's regime, whose trial is 0."""
    winner: int | None = None
    """The trial that the report runs are of."""

    def of(self, kind: str, trial: int, split: str) -> Bits | None:
        """All such runs (runs, N), in the order of their seeds; None where there are none."""
        keys = sorted(key for key in self.runs if (key[0], key[1], key[3]) == (kind, trial, split))
        return np.stack([self.runs[key] for key in keys]) if keys else None

    def reported(self, split: str) -> Bits | None:
        """The winner's report runs (runs, N); None where there are none."""
        return None if self.winner is None else self.of("report", self.winner, split)


def to_hex(correct: Bits) -> str:
    """Bits (N,) as hexadecimal digits, the first sentence first."""
    return np.packbits(correct).tobytes().hex()


def from_hex(digits: str, sentences: int) -> Bits:
    """The bits (N,) of `to_hex`. Raises ValueError for digits that are not those of N bits."""
    try:
        content = np.frombuffer(bytes.fromhex(digits), dtype=np.uint8)
    except ValueError:
        raise ValueError("not hexadecimal digits") from None
    if len(content) != -(-sentences // 8):
        raise ValueError(f"{len(content)} bytes for {sentences} sentences")
    return np.unpackbits(content, count=sentences).astype(bool)


def read_correct(path: Path, winner: int | None) -> Correct:
    """The file's runs; none if it does not exist.

    Raises ValueError for a damaged file.
    """
    rows = read_csv(
        path, ("trial", "seed", "sentences"), ("kind", "split", "correct"), required=False
    )
    check_whole_numbers(path, rows, "trial", "seed", "sentences")
    if (rows.groupby("split")["sentences"].nunique() > 1).any():
        raise ValueError(f"'{path}' is damaged: runs on one split differ in their sentences")
    try:
        runs = {
            (str(kind), int(trial), int(seed), str(split)): from_hex(str(digits), int(sentences))
            for kind, trial, seed, split, digits, sentences in zip(
                *(rows[name] for name in ("kind", "trial", "seed", "split", "correct", "sentences"))
            )
        }
    except ValueError as error:
        raise ValueError(f"'{path}' is damaged: column 'correct': {error}") from None
    return Correct(runs, winner)
