"""data_problems.csv: which rows it has, and what it says of the test split."""

from search.outputs.data_problems import PROBLEM_COLUMNS, problem_rows
from trainables.parts.data.corpus import Corpus, Split

CORPUS = Corpus(
    "mine",
    train=Split(("lights on", "play some rock", "what time is it", "Lights on!"), (0, 1, 2, 2)),
    validation=Split(("play a rock song", "what time is it"), (2, 2)),
    test=Split(("lights on",), (0,)),
    labels=("light", "music", "time"),
    notes=(),
)
FOUND = {
    "doubts": [
        {
            "split": "validation",
            "row": 0,
            "suggested": 1,
            "given_probability": 0.1,
            "suggested_probability": 0.8,
        }
    ],
    "near_duplicates": [
        {"split": "train", "row": 0, "other_split": "train", "other_row": 3, "similarity": 0.99},
        {
            "split": "train",
            "row": 1,
            "other_split": "validation",
            "other_row": 0,
            "similarity": 0.9,
        },
    ],
}


def test_near_duplicates_have_both_sentences_and_no_pair_that_is_a_conflict_too() -> None:
    rows = problem_rows(CORPUS, {"probe": FOUND})
    assert [row["problem"] for row in rows] == ["leak", "leak", "conflict", "near", "doubt"]
    assert all(set(row) <= set(PROBLEM_COLUMNS) for row in rows)
    (near,) = (row for row in rows if row["problem"] == "near")
    assert (near["text"], near["label"]) == ("play some rock", "music")
    assert (near["other_text"], near["other_label"]) == ("play a rock song", "time")
    assert (near["other_split"], near["other_row"], near["similarity"]) == ("validation", 0, 0.9)


def test_of_a_test_row_only_its_number_is_said_and_old_records_have_less() -> None:
    rows = problem_rows(CORPUS, {"probe": {}})
    assert [row["problem"] for row in rows] == ["leak", "leak", "conflict"]
    (tested,) = (row for row in rows if row["split"] == "test")
    assert "text" not in tested and "label" not in tested and tested["row"] == 0
