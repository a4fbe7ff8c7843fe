"""JSON lines, CSV and Parquet give the same texts, and damaged files are refused in one line."""

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from tests.trainables.parts.data.labelled import (
    OTHER,
    TRAIN,
    WRITERS,
    folder,
    refusal,
    rows_of,
)
from trainables.parts.data import corpus as data
from trainables.parts.data.files import read_rows
from trainables.parts.model.loading import load, load_tokenizer


def test_the_three_formats_give_the_same_corpus(tmp_path: Path) -> None:
    fingerprints = {
        data.read(folder(tmp_path / ending, ending, train=TRAIN, test=OTHER)).fingerprint
        for ending in WRITERS
    }
    assert len(fingerprints) == 1


def test_label_01_stays_text_in_csv(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(
        "text,label\n" + "".join(f"hello {i},0{i % 2}\n" for i in range(8))
    )
    assert data.read(str(tmp_path)).labels == ("00", "01")


def test_quoted_csv_keeps_commas_quotes_and_newlines(tmp_path: Path) -> None:
    text = 'say "hi, you"\nand, then\r\n"go"'
    corpus = data.read(
        folder(tmp_path, "csv", train=TRAIN, test=[{"text": text, "label": "greet"}])
    )
    assert rows_of(corpus, "test") == [(text, "greet")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["csv", "tsv"])
def test_the_delimiter_is_recognised_by_the_header(
    tmp_path: Path, ending: str, delimiter: str
) -> None:
    """Also where the texts have many of another."""
    lines = [f'"well, {row["text"]}; so"{delimiter}{row["label"]}' for row in TRAIN]
    (tmp_path / f"train.{ending}").write_text("\n".join([f"text{delimiter}label", *lines]))
    corpus = data.read(str(tmp_path))
    texts = sorted(corpus.train.texts + corpus.validation.texts)
    assert texts == sorted(f"well, {row['text']}; so" for row in TRAIN)


def test_a_delimiter_that_is_not_recognised_is_named(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("text|label\nhello|greet\n")
    assert refusal(str(tmp_path)).endswith(
        "has one column, 'text|label'; separate columns by a comma or a semicolon or a tab"
    )
    (tmp_path / "train.csv").write_text("text;label\nhello, you;greet\nbye\n")
    assert refusal(str(tmp_path)).endswith(
        "line 3 has 1 columns where the header has 2, separated by a semicolon"
    )


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_csv_of_any_system_is_read(tmp_path: Path, newline: str) -> None:
    lines = ["text,label", *(f"{row['text']},{row['label']}" for row in TRAIN)]
    (tmp_path / "train.csv").write_bytes(newline.join(lines).encode())
    corpus = data.read(str(tmp_path))
    assert sorted(corpus.train.texts + corpus.validation.texts) == sorted(
        row["text"] for row in TRAIN
    )


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_byte_order_mark_is_not_part_of_the_first_column(tmp_path: Path, ending: str) -> None:
    path = WRITERS[ending](tmp_path / f"train.{ending}", TRAIN)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert data.read(str(tmp_path)).labels == ("greet", "leave")


@pytest.mark.parametrize("ending", WRITERS)
@pytest.mark.parametrize(
    "text",
    [
        "\U0001f60a\U0001f1e9\U0001f1ea party",
        "שלום עולם, مرحبا",
        "一二三",
        "zero\u200bwidth",
        "line\u2028separator",
        "next\x85line",
        "form\x0cfeed",
    ],
    ids=[
        "emoji",
        "right-to-left",
        "chinese",
        "zero-width",
        "line-separator",
        "next-line",
        "form-feed",
    ],
)
def test_any_script_survives(tmp_path: Path, ending: str, text: str) -> None:
    corpus = data.read(
        folder(tmp_path, ending, train=TRAIN, test=[{"text": text, "label": "greet"}])
    )
    assert rows_of(corpus, "test") == [(text, "greet")]


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_file_that_is_not_utf8_is_refused_with_the_place(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"train.{ending}").write_bytes(b"text,label\ncaf\xe9,x\n")
    message = refusal(tmp_path)
    assert "not UTF-8" in message and "0xe9 at 14" in message


@pytest.mark.parametrize("line", ['{"text": "a", "label"', "hello", "{'text': 'a'}", "[" * 100_000])
def test_broken_json_is_refused_with_its_line(tmp_path: Path, line: str) -> None:
    (tmp_path / "train.jsonl").write_text(json.dumps(TRAIN[0]) + "\n\n" + line + "\n")
    message = refusal(tmp_path)
    assert "train.jsonl' line 3 is not JSON" in message


@pytest.mark.parametrize("line", ["[1, 2]", '"text"', "3", "null"])
def test_json_that_is_no_object_is_refused_with_its_line(tmp_path: Path, line: str) -> None:
    (tmp_path / "train.jsonl").write_text(json.dumps(TRAIN[0]) + "\n" + line + "\n")
    assert "line 2 is not a JSON object" in refusal(tmp_path)


def test_ragged_csv_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text('text,label\n"two\nlines",a\nno, comma quoted,b\n')
    assert "line 4 has 3 columns where the header has 2" in refusal(tmp_path)


def test_csv_with_an_open_quote_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text('text,label\nhello,a\n"never closed,b\n')
    assert "line 3 is not CSV" in refusal(tmp_path)


def test_damaged_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train.parquet").write_bytes(b"PAR1 this is no parquet")
    assert "train.parquet' cannot be read" in refusal(tmp_path)


def test_file_of_another_format_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "train.xml").write_text("<text/>")
    assert ".jsonl, .csv, .tsv, .parquet" in refusal(tmp_path / "train.xml")


@pytest.mark.parametrize("read", [read_rows, load, load_tokenizer])
def test_a_disk_that_gives_nothing_back_is_not_the_users_fault(
    read: Callable[[Any], Any], tmp_path: Path
) -> None:
    path = tmp_path / ("rows.csv" if read is read_rows else "config.json")
    path.symlink_to("/proc/self/mem")  # reading its first byte is EIO
    with pytest.raises(OSError) as raised:
        read(path if read is read_rows else str(tmp_path))
    assert raised.value.errno == errno.EIO


def test_so_is_a_parquet_file_on_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(path: Path) -> Any:
        raise OSError(errno.EIO, "Input/output error", str(path))

    (tmp_path / "rows.parquet").touch()
    monkeypatch.setattr(parquet, "ParquetFile", fails)
    with pytest.raises(OSError) as raised:
        read_rows(tmp_path / "rows.parquet")
    assert raised.value.errno == errno.EIO
