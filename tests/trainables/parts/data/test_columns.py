"""Text and label columns are chosen by name, and every cell is checked."""

from pathlib import Path
from typing import Any

import pytest

from tests.trainables.parts.data.labelled import TRAIN, WRITERS, folder, refusal
from trainables.parts.data import columns
from trainables.parts.data import corpus as data


@pytest.mark.parametrize("text", columns.TEXT_COLUMNS)
@pytest.mark.parametrize("label", columns.LABEL_COLUMNS)
def test_columns_are_found_by_their_usual_names(tmp_path: Path, text: str, label: str) -> None:
    corpus = data.read(
        folder(tmp_path, train=[{"id": 7, text: row["text"], label: row["label"]} for row in TRAIN])
    )
    assert corpus.labels == ("greet", "leave")
    assert all("number" in line for line in corpus.train.texts)


def test_names_of_labels_come_before_their_numbers(tmp_path: Path) -> None:
    rows = [
        {**row, "label": index % 2, "label_text": row["label"]} for index, row in enumerate(TRAIN)
    ]
    assert data.read(folder(tmp_path, train=rows)).labels == ("greet", "leave")


def test_named_columns_win_over_the_usual_names(tmp_path: Path) -> None:
    rows = [{**row, "body": "x" + row["text"], "kind": "x" + row["label"]} for row in TRAIN]
    corpus = data.read(folder(tmp_path, train=rows), text_column="body", label_column="kind")
    assert corpus.labels == ("xgreet", "xleave")
    assert all(text.startswith("x") for text in corpus.train.texts)


@pytest.mark.parametrize("option", ["text_column", "label_column"])
def test_named_column_that_is_not_there_is_refused_with_those_that_are(
    tmp_path: Path, option: str
) -> None:
    assert "'nope'; its columns are: text, label" in refusal(
        folder(tmp_path, train=TRAIN), **{option: "nope"}
    )


@pytest.mark.parametrize(
    ("missing", "flag"), [("text", "--text-column"), ("label", "--label-column")]
)
def test_no_column_found_by_name_says_how_to_name_one(
    tmp_path: Path, missing: str, flag: str
) -> None:
    rows = [
        {("what" if name == missing else name): value for name, value in row.items()}
        for row in TRAIN
    ]
    message = refusal(folder(tmp_path, train=rows))
    assert flag in message and "what" in message


def test_numbers_and_truth_values_are_labels_as_written(tmp_path: Path) -> None:
    rows = [{"text": f"hello {i}", "label": label} for i in range(3) for label in (3, 10, True)]
    assert data.read(folder(tmp_path, train=rows)).labels == ("10", "3", "True")


def test_lone_surrogate_becomes_text_that_can_be_encoded(tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text('{"text": "broken \\ud83d emoji", "label": "greet"}\n')
    corpus = data.read(folder(tmp_path, train=TRAIN))
    assert corpus.splits["test"].texts[0].encode("utf-8").startswith(b"broken ")


@pytest.mark.parametrize(
    "cell", [None, "", " \t\n", float("nan")], ids=["null", "nothing", "blanks", "NaN"]
)
@pytest.mark.parametrize("column", ["text", "label"])
@pytest.mark.parametrize("ending", WRITERS)
def test_empty_cell_is_refused_with_its_row(
    tmp_path: Path, ending: str, column: str, cell: Any
) -> None:
    rows = [*TRAIN[:4], {**TRAIN[4], column: cell}, *TRAIN[5:]]
    message = refusal(folder(tmp_path, ending, train=rows))
    assert "split train, row 5" in message and f"{column} is empty" in message


@pytest.mark.parametrize("cell", [["a"], {"a": 1}])
def test_cell_that_is_no_text_is_refused_with_its_row(tmp_path: Path, cell: Any) -> None:
    assert "row 2: text is not text" in refusal(
        folder(tmp_path, train=[TRAIN[0], {**TRAIN[1], "text": cell}, *TRAIN[2:]])
    )
