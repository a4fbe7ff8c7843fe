"""Sentences that occur again."""

from trainables.parts.data.corpus import Split, normal_form
from trainables.parts.data.duplicates import Place, conflicts, leaks


def test_case_punctuation_and_spaces_do_not_matter_and_words_do() -> None:
    assert normal_form("Wake  me, at SEVEN!") == normal_form("wake me at seven")
    assert normal_form("lights on") != normal_form("lights off")
    assert normal_form("?!") == "?!" and normal_form("?!") != normal_form("...")


SPLITS = {
    "train": Split(("lights on", "play jazz", "Lights on!"), (0, 1, 2)),
    "validation": Split(("LIGHTS ON", "stop"), (0, 1)),
    "test": Split(("Play jazz.", "go"), (1, 0)),
}


def test_rows_that_stand_in_train() -> None:
    assert leaks(SPLITS) == [
        (Place("validation", 0), Place("train", 0)),
        (Place("test", 0), Place("train", 1)),
    ]
    assert leaks({"train": SPLITS["train"], "validation": Split(("new",), (0,))}) == []


def test_alike_sentences_with_different_labels_without_the_test_split() -> None:
    assert conflicts(SPLITS) == [(Place("train", 0), Place("train", 2))]
    other = {**SPLITS, "test": Split(("play jazz",), (0,))}
    assert conflicts(other) == conflicts(SPLITS)
