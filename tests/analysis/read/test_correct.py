"""Which sentences a run got right: packed, written and read."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.read.correct import COLUMNS, from_hex, read_correct, to_hex
from tests.analysis.searches import write_csv


@pytest.mark.parametrize("sentences", [1, 8, 13, 480])
def test_bits_are_unpacked_as_they_were_packed(sentences: int) -> None:
    bits = np.random.default_rng(sentences).random(sentences) < 0.8
    assert (from_hex(to_hex(bits), sentences) == bits).all()
    assert len(to_hex(bits)) == 2 * -(-sentences // 8)


def row(**changes: Any) -> dict[str, Any]:
    digits = to_hex(np.array([True, False, True]))
    values = ("report", 2, 1000, "test", 3, digits)
    return dict(zip(COLUMNS, values)) | changes


def written(folder: Path, *rows: dict[str, Any]) -> Path:
    write_csv(folder / "correct.csv", list(COLUMNS), list(rows))
    return folder / "correct.csv"


def test_runs_are_read_by_kind_trial_and_split_in_the_order_of_seeds(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        row(seed=1001, correct=to_hex(np.array([False, True, True]))),
        row(),
        row(split="validation"),
        row(kind="choice", seed=1),
        row(trial=3),
    )
    read = read_correct(path, 2)
    tested, validated = (read.reported(split) for split in ("test", "validation"))
    assert tested is not None and validated is not None and validated.shape == (1, 3)
    assert tested.tolist() == [[True, False, True], [False, True, True]]
    assert read.of("choice", 2, "test") is not None and read.of("report", 3, "test") is not None
    assert read.of("choice", 2, "validation") is read.of("search", 0, "test") is None
    assert read_correct(path, None).reported("test") is None


def test_a_folder_of_an_earlier_version_has_none(tmp_path: Path) -> None:
    assert read_correct(tmp_path / "correct.csv", 2).runs == {}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"correct": "zz"}, "not hexadecimal digits"),
        ({"correct": "a0b0"}, "2 bytes for 3 sentences"),
        ({"sentences": -1}, "whole number"),
        ({"sentences": 8, "seed": 1001}, "differ in their sentences"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = written(tmp_path, row(), row(**changes))
    with pytest.raises(ValueError, match=f"correct.csv' is damaged: .*{message}"):
        read_correct(path, 2)
