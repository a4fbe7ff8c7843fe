"""correct.csv: which sentences each choice and report run got right, as bits, without the texts."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas
from numpy.typing import NDArray

from analysis.read.files import check_whole_numbers, read_csv

COLUMNS = ("kind", "trial", "seed", "split", "sentences", "correct")
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


def read_correct(path: Path, winner: int | None) -> Correct:
    """The report runs of the trial `winner`; empty if the file does not exist.

    Raises ValueError for a damaged file.
    """
    rows = read_csv(
        path, ("trial", "seed", "sentences"), ("kind", "split", "correct"), required=False
    )
    check_whole_numbers(path, rows, "trial", "seed", "sentences")
    reported = rows[(rows["kind"] == "report") & (rows["trial"] == winner)].sort_values("seed")
    return {str(split): _bits(path, runs) for split, runs in reported.groupby("split")}


def _bits(path: Path, runs: pandas.DataFrame) -> NDArray[np.bool_]:
    if runs["sentences"].nunique() > 1:
        raise ValueError(f"'{path}' is damaged: runs on one split differ in their sentences")
    try:
        return np.stack(
            [
                unpacked(str(digits), int(sentences))
                for digits, sentences in zip(runs["correct"], runs["sentences"])
            ]
        )
    except ValueError as error:
        raise ValueError(f"'{path}' is damaged: column 'correct': {error}") from None
