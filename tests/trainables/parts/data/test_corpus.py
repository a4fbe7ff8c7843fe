"""A corpus: its labels, its splits, its warnings and its fingerprint."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.trainables.parts.data.labelled import OTHER, TRAIN, folder, refusal, rows_of
from trainables.parts.data import corpus as data
from trainables.parts.data import subsets
from trainables.parts.data.corpus import Corpus, Split


def test_labels_are_the_sorted_union_over_the_splits(tmp_path: Path) -> None:
    source = folder(
        tmp_path,
        train=TRAIN,
        validation=[{"text": "a", "label": "zzz"}],
        test=[{"text": "b", "label": "aaa"}],
    )
    assert data.read(source).labels == ("aaa", "greet", "leave", "zzz")


def test_validation_is_cut_from_training_by_label(tmp_path: Path) -> None:
    rows = [
        {"text": f"{label} {i}", "label": label}
        for label, count in (("a", 100), ("b", 40), ("c", 2), ("d", 1))
        for i in range(count)
    ]
    corpus = data.read(folder(tmp_path, train=rows))
    assert Counter(label for _, label in rows_of(corpus, "validation")) == {"a": 15, "b": 6, "c": 1}
    assert Counter(label for _, label in rows_of(corpus, "train")) == {
        "a": 85,
        "b": 34,
        "c": 1,
        "d": 1,
    }
    assert sorted(corpus.train.texts + corpus.validation.texts) == sorted(
        row["text"] for row in rows
    )
    assert "no validation split: 22 rows were cut from train" in corpus.notes[0]


def test_the_cut_depends_on_the_seed_alone(tmp_path: Path) -> None:
    source = folder(
        tmp_path,
        train=[{"text": f"{label} {i}", "label": label} for label in "ab" for i in range(50)],
    )
    assert data.read(source, seed=1) == data.read(source, seed=1)
    assert data.read(source, seed=1).validation != data.read(source, seed=2).validation


def test_a_given_validation_split_is_not_touched_by_the_seed(tmp_path: Path) -> None:
    source = folder(tmp_path, train=TRAIN, validation=OTHER)
    assert data.read(source, seed=1) == data.read(source, seed=2)


OUT = [{"text": "is the sea salty", "label": "oos"}, {"text": "why", "label": "oos"}]


def test_texts_out_of_scope_are_in_no_split(tmp_path: Path) -> None:
    plain = folder(tmp_path / "plain", train=TRAIN, validation=OTHER)
    mixed = folder(
        tmp_path / "mixed", train=[*OUT[:1], *TRAIN], validation=[*OTHER, *OUT[1:]], test=OUT
    )
    without, corpus = data.read(plain), data.read(mixed, oos_label="oos")
    assert corpus.fingerprint == without.fingerprint and corpus.labels == without.labels
    assert corpus.test is None and "oos" not in corpus.labels
    texts = tuple(row["text"] for row in OUT)
    assert corpus.out_of_scope == {"train": texts[:1], "validation": texts[1:], "test": texts}
    assert "1 of train, 1 of validation, 2 of test" in corpus.notes[0]
    assert not without.out_of_scope and "oos" in data.read(mixed).labels


def test_a_label_out_of_scope_must_exist_and_leave_rows_for_training(tmp_path: Path) -> None:
    source = folder(tmp_path, train=[*TRAIN], validation=OTHER)
    with pytest.raises(ValueError, match="no row has --oos-label 'oos'; its labels begin with"):
        data.read(source, oos_label="oos")
    source = folder(tmp_path / "only", train=OUT, validation=OTHER)
    with pytest.raises(ValueError, match="every train row has --oos-label 'oos'"):
        data.read(source, oos_label="oos")


def test_missing_test_split_is_noted(tmp_path: Path) -> None:
    corpus = data.read(folder(tmp_path, train=TRAIN, validation=OTHER))
    assert corpus.test is None and list(corpus.splits) == ["train", "validation"]
    assert any("no test split" in note for note in corpus.notes)


def test_rows_shared_by_two_splits_are_counted(tmp_path: Path) -> None:
    test = [
        {"text": "HELLO   number 0", "label": "greet"},
        {"text": "bye number 3", "label": "leave"},
        {"text": "new", "label": "greet"},
    ]
    notes = data.read(folder(tmp_path, train=TRAIN, validation=[TRAIN[0]], test=test)).notes
    assert any("2 of 3 test rows also occur in train" in note for note in notes)
    assert any("1 of 1 validation rows also occur in train" in note for note in notes)
    assert any("1 of 3 test rows also occur in validation" in note for note in notes)


def test_labels_without_a_training_row_are_noted(tmp_path: Path) -> None:
    notes = data.read(
        folder(tmp_path, train=TRAIN, validation=[{"text": "a", "label": "rare"}], test=OTHER)
    ).notes
    assert any("1 of 3 labels have no training row: rare" in note for note in notes)


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_file_without_rows_is_refused(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"train.{ending}").write_text("")
    assert "has no rows" in refusal(tmp_path)


def test_folder_without_training_rows_is_refused_with_what_it_has(tmp_path: Path) -> None:
    assert "no train split; found: test" in refusal(folder(tmp_path, test=OTHER))


def test_one_class_is_refused_by_its_name(tmp_path: Path) -> None:
    assert "one class only ('greet')" in refusal(
        folder(tmp_path, train=[row for row in TRAIN if row["label"] == "greet"])
    )


def test_rows_too_few_to_cut_a_validation_split_are_refused(tmp_path: Path) -> None:
    assert "none can be cut" in refusal(folder(tmp_path, train=OTHER))


def toy_corpus() -> Corpus:
    return Corpus(
        "x",
        Split(("a", "b", "c"), (0, 1, 0)),
        Split(("d", "e"), (0, 1)),
        Split(("f",), (1,)),
        ("p", "q"),
        (),
    )


def test_fingerprint_changes_with_any_text_label_name_or_split() -> None:
    corpus = toy_corpus()
    changed = [
        replace(corpus, train=Split(("a", "b", "C"), (0, 1, 0))),
        replace(corpus, train=Split(("a", "b", "c"), (0, 1, 1))),
        replace(corpus, train=Split(("b", "a", "c"), (1, 0, 0))),
        replace(corpus, validation=Split(("d", "x"), (0, 1))),
        replace(corpus, validation=Split(("d", "e"), (1, 1))),
        replace(corpus, test=Split(("g",), (1,))),
        replace(corpus, test=None),
        replace(corpus, labels=("p", "r")),
        replace(
            corpus, train=Split(("a", "b"), (0, 1)), validation=Split(("c", "d", "e"), (0, 0, 1))
        ),
    ]
    assert len({other.fingerprint for other in [corpus, *changed]}) == len(changed) + 1


def test_fingerprint_does_not_change_with_where_the_data_came_from() -> None:
    assert (
        replace(toy_corpus(), source="elsewhere", notes=("note",)).fingerprint
        == toy_corpus().fingerprint
    )


def test_massive_part_is_read_with_its_missing_test_and_intents_noted(shared_data: Path) -> None:
    corpus = data.read(str(shared_data / "massive-en-part"))
    assert {name: len(split) for name, split in corpus.splits.items()} == {
        "train": 7305,
        "validation": 2033,
    }
    assert set(corpus.labels) <= set(data.read("embedded").labels)
    assert any("no test split" in note for note in corpus.notes)
    assert any("labels have no training row" in note for note in corpus.notes)


def test_clinc150_is_read_whole(shared_data: Path) -> None:
    corpus = data.read(str(shared_data / "clinc150"))
    assert {name: len(split) for name, split in corpus.splits.items()} == {
        "train": 15000,
        "validation": 3000,
        "test": 4500,
    }
    assert len(corpus.labels) == 150
    assert set(Counter(corpus.train.labels).values()) == {100}


def test_a_limit_takes_a_stratified_part_of_each_split() -> None:
    whole, part = data.read("embedded"), data.read("embedded", limit=360)
    assert [len(split) for split in part.splits.values()] == [360, 120, 120]
    assert part.labels == whole.labels and set(Counter(part.train.labels).values()) == {6}
    for name, split in part.splits.items():
        assert set(split.texts) <= set(whole.splits[name].texts)
    assert data.read("embedded", limit=360).fingerprint == part.fingerprint != whole.fingerprint
    assert any(note.startswith("--limit 360: a random part of 1,440 ") for note in part.notes)
    assert data.read("embedded", limit=1440).fingerprint == whole.fingerprint
    with pytest.raises(ValueError, match="--limit must be at least 60, a row for each label"):
        data.read("embedded", limit=59)


def test_a_part_keeps_rare_labels_and_the_shares_of_the_others() -> None:
    labels = [0] * 80 + [1] * 40 + [2]
    rows = subsets.stratified(labels, 31, seed=3)
    assert rows == sorted(set(rows)) and len(rows) == 31
    assert Counter(labels[row] for row in rows) == {0: 20, 1: 10, 2: 1}
    assert subsets.stratified(labels, 31, seed=4) != rows
    assert subsets.stratified(labels, 500, seed=3) == list(range(121))


def test_a_few_shot_task_has_as_many_rows_of_each_label_and_whole_other_splits() -> None:
    whole, five = data.read("embedded"), data.read("embedded", shots=5)
    assert set(Counter(five.train.labels).values()) == {5}
    assert (five.validation, five.test) == (whole.validation, whole.test)
    assert "--shots 5: 300 of 1,440 training rows" in five.notes
    ten = data.read("embedded", shots=10)
    assert set(five.train.texts) < set(ten.train.texts) < set(whole.train.texts)
    other = data.read("embedded", shots=5, shots_seed=1)
    assert other.train != five.train and len(other.train) == 300


def test_a_label_with_fewer_rows_than_shots_keeps_all_of_them() -> None:
    labels = [0] * 8 + [1] * 2 + [2] * 5
    rows = subsets.few_shot(labels, 4, seed=0)
    assert Counter(labels[row] for row in rows) == {0: 4, 1: 2, 2: 4}
    assert rows == sorted(set(rows))
    notes = data.read("embedded", shots=25).notes
    assert any(
        note.startswith("60 of 60 labels have fewer than 25 training rows") for note in notes
    )


def test_with_folds_train_and_validation_are_one() -> None:
    whole, folded = data.read("embedded"), data.read("embedded", folds=5)
    assert folded.train.texts == whole.train.texts + whole.validation.texts
    assert folded.train.labels == whole.train.labels + whole.validation.labels
    assert folded.validation == folded.train and folded.test == whole.test
    assert set(folded.splits) == {"train", "test"} and folded.folds == 5
    joined = "--folds: the 480 rows of validation have joined train, after its own 1,440"
    assert joined in folded.notes
    assert folded.fingerprint != whole.fingerprint


def test_without_a_validation_split_none_is_cut_for_folds(tmp_path: Path) -> None:
    rows = [{"text": f"{label} {i}", "label": label} for label in "ab" for i in range(4)]
    corpus = data.read(folder(tmp_path, train=rows), folds=4)
    assert len(corpus.train) == len(corpus.validation) == 8
    assert not any("joined" in note or "were cut" in note for note in corpus.notes)


def test_a_few_shot_task_has_the_same_rows_with_folds() -> None:
    corpus, plain = data.read("embedded", shots=5, folds=5), data.read("embedded", shots=5)
    assert corpus.train == plain.train == corpus.validation
    assert any("480 rows of validation are left out" in note for note in corpus.notes)


def test_rows_that_are_alike_are_told_and_count_once(tmp_path: Path) -> None:
    rows = [{"text": f"{label} {i}", "label": label} for label in "ab" for i in range(3)]
    source = folder(tmp_path, train=rows, validation=[{"text": "A 0!", "label": "a"}])
    notes = data.read(source, folds=3).notes
    assert any(note.startswith("1 training rows occur in train before") for note in notes)
    with pytest.raises(ValueError, match="needs a label with 4 different sentences"):
        data.read(source, folds=4)


def test_more_folds_than_any_label_has_rows_are_refused(tmp_path: Path) -> None:
    rows = [{"text": f"{label} {i}", "label": label} for label in "abc" for i in range(4)]
    rows += [{"text": "alone", "label": "d"}]
    source = folder(tmp_path, train=rows)
    with pytest.raises(ValueError, match="needs a label with 5 different sentences in train"):
        data.read(source, folds=5)
    notes = data.read(source, folds=4).notes
    assert any(note.startswith("1 of 4 labels have one sentence") for note in notes)
