"""correct.csv: which sentences each choice and report run got right, as bits, without the texts."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.read.files import check_whole_numbers, read_csv

COLUMNS = ("kind", "trial", "seed", "split", "sentences", "correct")
RunBits = Mapping[tuple[str, int, int, str], NDArray[np.bool_]]
"""By kind (`choice` or `report`), trial, seed and split: which sentences that run got right
(N,)."""
Correct = Mapping[str, NDArray[np.bool_]]
"""By split: which sentences the winner's report runs got right (runs, N), in the split's order."""


def packed(correct: NDArray[np.bool_]) -> str:
    """Bits (N,) as hexadecimal digits, the first sentence first."""
    return np.packbits(correct).tobytes().hex()


def unpacked(digits: str, sentences: int) -> NDArray[np.bool_]:
    """The bits (N,) of `packed`. Raises ValueError for digits that are not those of N bits."""
    try:
        content = np.frombuffer(bytes.fromhex(digits), dtype=np.uint8)
    except ValueError:
        raise ValueError("not hexadecimal digits") from None
    if len(content) != -(-sentences // 8):
        raise ValueError(f"{len(content)} bytes for {sentences} sentences")
    return np.unpackbits(content, count=sentences).astype(bool)


def read_run_bits(path: Path) -> RunBits:
    """Every choice and report run; empty if the file does not exist.

    Raises ValueError for a damaged file.
    """
    rows = read_csv(
        path, ("trial", "seed", "sentences"), ("kind", "split", "correct"), required=False
    )
    check_whole_numbers(path, rows, "trial", "seed", "sentences")
    if (rows.groupby("split")["sentences"].nunique() > 1).any():
        raise ValueError(f"'{path}' is damaged: runs on one split differ in their sentences")
    try:
        return {
            (str(kind), int(trial), int(seed), str(split)): unpacked(str(digits), int(sentences))
            for kind, trial, seed, split, digits, sentences in zip(
                *(rows[name] for name in ("kind", "trial", "seed", "split", "correct", "sentences"))
            )
        }
    except ValueError as error:
        raise ValueError(f"'{path}' is damaged: column 'correct': {error}") from None


def read_correct(path: Path, winner: int | None) -> Correct:
    """The report runs of the trial `winner`, as `reported` has them."""
    return reported(read_run_bits(path), winner)


def reported(runs: RunBits, winner: int | None) -> Correct:
    """The report runs of the trial `winner`, in the order of their seeds."""
    found: dict[str, list[NDArray[np.bool_]]] = {}
    for run in sorted(runs):
        kind, trial, _, split = run
        if kind == "report" and trial == winner:
            found.setdefault(split, []).append(runs[run])
    return {split: np.stack(bits) for split, bits in found.items()}
