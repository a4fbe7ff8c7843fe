"""Sentences that occur again."""

from trainables.parts.data.corpus import Split, normal_form
from trainables.parts.data.duplicates import Place, conflicts, leaks


def test_case_punctuation_and_spaces_do_not_matter_and_words_do() -> None:
    assert normal_form("Wake  me, at SEVEN!") == normal_form("wake me at seven")
    assert normal_form("lights on") != normal_form("lights off")
    assert normal_form("?!") == "?!" and normal_form("?!") != normal_form("...")


def test_signs_that_carry_meaning_tell_sentences_apart() -> None:
    """Vowel signs of Hindi and Thai are no letters, and no punctuation either."""
    assert normal_form("\u0915\u093f") != normal_form("\u0915\u0940")  # ki, kii
    assert normal_form("\u0e17\u0e35") != normal_form("\u0e17\u0e39")  # thi, thu
    assert normal_form("great \U0001f44d") != normal_form("great \U0001f44e")  # thumbs up, down
    assert normal_form("what is c++") != normal_form("what is c")
    assert normal_form("caf\u00e9") == normal_form("cafe\u0301")  # one letter, or two signs


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
