"""Every form of SOURCE is read, and an unknown one is refused with the forms there are."""

from pathlib import Path
from typing import Any

import pytest

from tests import tiny
from tests.trainables.parts.data.labelled import (
    OTHER,
    TRAIN,
    WRITERS,
    csv,
    folder,
    jsonl,
    refusal,
    rows_of,
)
from trainables.parts.data import corpus as data


@pytest.mark.parametrize("ending", WRITERS)
def test_folder_of_three_files_is_read_as_it_stands(tmp_path: Path, ending: str) -> None:
    corpus = data.read(folder(tmp_path, ending, train=TRAIN, validation=OTHER, test=OTHER[:1]))
    for split, rows in (("train", TRAIN), ("validation", OTHER), ("test", OTHER[:1])):
        assert rows_of(corpus, split) == [(row["text"], row["label"]) for row in rows]


@pytest.mark.parametrize(
    ("file", "split"),
    [("dev", "validation"), ("valid", "validation"), ("Val", "validation"), ("TESTING", "test")],
)
def test_files_may_have_the_usual_names_of_a_split(tmp_path: Path, file: str, split: str) -> None:
    splits: dict[str, Any] = {"train": TRAIN, file: OTHER}
    corpus = data.read(folder(tmp_path, **splits))
    assert rows_of(corpus, split) == [(row["text"], row["label"]) for row in OTHER]


def test_massives_own_file_is_read_by_its_partition(tmp_path: Path) -> None:
    rows = [
        {
            "id": str(i),
            "locale": "en-US",
            "partition": part,
            "scenario": "x",
            "intent": row["label"],
            "utt": row["text"],
            "annot_utt": "?",
        }
        for part, rows in (("train", TRAIN), ("dev", OTHER), ("test", OTHER))
        for i, row in enumerate(rows)
    ]
    corpus = data.read(str(jsonl(tmp_path / "en-US.jsonl", rows)))
    assert {name: len(split) for name, split in corpus.splits.items()} == {
        "train": 8,
        "validation": 2,
        "test": 2,
    }
    assert rows_of(corpus, "validation") == [(row["text"], row["label"]) for row in OTHER]


@pytest.mark.parametrize("ending", WRITERS)
def test_one_file_without_a_partition_is_all_training(tmp_path: Path, ending: str) -> None:
    corpus = data.read(str(WRITERS[ending](tmp_path / f"all.{ending}", TRAIN)))
    assert sorted(rows_of(corpus, "train") + rows_of(corpus, "validation")) == sorted(
        (row["text"], row["label"]) for row in TRAIN
    )
    assert corpus.test is None


def test_the_toy_corpus_comes_back_row_by_row(tmp_path: Path) -> None:
    corpus = data.read(str(tiny.write_corpus(tmp_path)))
    assert {name: rows_of(corpus, name) for name in corpus.splits} == tiny.split_rows()


def test_embedded_is_read() -> None:
    corpus = data.read("embedded")
    assert {name: len(split) for name, split in corpus.splits.items()} == {
        "train": 1440,
        "validation": 480,
        "test": 480,
    }
    assert len(corpus.labels) == 60 and corpus.notes == ()


def test_folder_without_data_files_says_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    assert "needs train.jsonl or train.csv or train.tsv or train.parquet" in refusal(tmp_path)


def test_two_files_for_one_split_are_refused_with_both_names(tmp_path: Path) -> None:
    folder(tmp_path, train=TRAIN, val=OTHER)
    csv(tmp_path / "dev.csv", OTHER)
    message = refusal(tmp_path)
    assert "two files for validation" in message and "dev.csv" in message and "val.jsonl" in message


def test_unknown_partition_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "all.jsonl", [{**row, "partition": "holdout"} for row in TRAIN])
    message = refusal(path)
    assert "'holdout'" in message and "train" in message and "dev" in message


@pytest.mark.parametrize(
    "source",
    ["massiv", "no/such/folder", "no.csv", "x" * 5000],
    ids=["typo", "folder", "file", "endless"],
)
def test_unknown_source_is_refused_with_the_forms_there_are(source: str) -> None:
    message = refusal(source)
    assert "massive[:LOCALE], embedded, hub:OWNER/NAME[:CONFIG]" in message
