"""Labels of any kind are read as they are, or refused where nobody could tell them apart."""

import csv
import json
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from tests.trainables.parts.data.labelled import folder, refusal
from trainables.parts.data import corpus as data

FLAGS = ("gbeng", "gbsct")
"""Of England and Scotland, which differ in invisible characters."""
LABELS = (
    *("1", "01", "1.0", "1e3", "0x1", "-5", "+1", "true", "True", "yes", "null", "None", "NaN"),
    *("nan", "-", "~", "#1", "with space", "with  two", " ahead", "a/b", "a,b", "a|b", "a\\b"),
    *("a: b", 'say "hi"', "it's", "'-", "=1+1", "@x", "`code`", "*bold*", "[UNK]", "2024-01-01"),
    *(f"\U0001f3f4{''.join(chr(0xE0000 + ord(c)) for c in tag)}\U000e007f" for tag in FLAGS),
    *("<script>alert(1)</script>", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "שלום"),
    *("x" * 300, "x" * 299 + "y", "Order", "order"),
)
"""Labels that are odd and can be told apart."""
TEXTS = (
    *("two\nlines", "a\r\nb", "a tab\there", "a \0 byte", "?!...", "\U0001f60a", "word " * 10_000),
    *("<b>bold</b> &amp; <script>alert(1)</script>", "=SUM(A1)", "-", "null", "שלום עולם"),
    " spaces around ",
)


def odd_rows() -> list[dict[str, str]]:
    """Four rows of each odd label, and one of each odd text."""
    rows = [
        {"text": f"row {repeat} of {number}", "label": label}
        for number, label in enumerate(LABELS)
        for repeat in range(4)
    ]
    return rows + [{"text": text, "label": LABELS[row]} for row, text in enumerate(TEXTS)]


def write(path: Path, ending: str) -> Path:
    """The odd rows as train.ENDING."""
    file, rows = path / f"train.{ending}", odd_rows()
    if ending == "jsonl":
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif ending == "parquet":
        parquet.write_table(pyarrow.Table.from_pylist(rows), file)
    else:
        with file.open("w", newline="", encoding="utf-8") as opened:
            writer = csv.writer(opened, delimiter="\t" if ending == "tsv" else ",")
            writer.writerow(("text", "label"))
            writer.writerows(row.values() for row in rows)
    return path


@pytest.mark.parametrize("ending", ["jsonl", "csv", "tsv", "parquet"])
def test_odd_labels_and_texts_are_read_as_they_are_from_every_format(
    tmp_path: Path, ending: str
) -> None:
    corpus = data.read(str(write(tmp_path, ending)))
    assert set(corpus.labels) == set(LABELS)
    read = {
        (text, corpus.labels[label])
        for split in corpus.splits.values()
        for text, label in zip(split.texts, split.labels)
    }
    assert read == {(row["text"], row["label"]) for row in odd_rows()}
    (note,) = [note for note in corpus.notes if "case" in note]
    assert "'Order' and 'order'" in note and "'True' and 'true'" in note


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("order", "order "),
        ("order", " order"),
        ("an order", "an  order"),
        ("an order", "an\N{NO-BREAK SPACE}order"),
        ("order", "or\N{ZERO WIDTH SPACE}der"),
        ("caf\u00e9", "cafe\u0301"),
    ],
)
def test_labels_that_look_the_same_are_refused_with_both(
    tmp_path: Path, one: str, other: str
) -> None:
    rows = [{"text": f"row {row}", "label": (one, other)[row % 2]} for row in range(8)]
    message = refusal(folder(tmp_path, train=rows))
    assert "differ in spaces or invisible characters only" in message
    first, second = message.partition("the labels ")[2].partition(" differ")[0].split(" and ")
    assert first != second


@pytest.mark.parametrize("letter", ["\n", "\t", "\0", "\x1b", "\u2028", "\u202e", "\ud800"])
def test_a_label_that_no_table_can_show_is_refused_with_its_row(
    tmp_path: Path, letter: str
) -> None:
    rows = [{"text": f"row {row}", "label": "ab"} for row in range(4)]
    (tmp_path / "train.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in [*rows, {"text": "x", "label": f"a{letter}b"}])
    )
    message = refusal(tmp_path)
    assert "row 5: label 'a" in message and "has a control character" in message
    assert message.isprintable()
