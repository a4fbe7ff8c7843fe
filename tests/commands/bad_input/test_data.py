"""Data of any kind is read or refused."""

import contextlib
import io
import json
import os
import random
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from hypothesis import strategies as st
from pyarrow import parquet

from search.inputs import prepare
from tests.commands.bad_input.checks import Hold, folder, result
from tests.commands.bad_input.damage import damaged
from tests.commands.bad_input.strategies import (
    GOOD,
    damages,
    flag_values,
    scalars,
    texts,
    to_json,
    values,
)
from trainables.parts.data import corpus as data


def check_corpus(corpus: data.Corpus | None) -> None:
    if corpus is None:
        return
    assert len(corpus.labels) >= 2 and list(corpus.labels) == sorted(set(corpus.labels))
    for split in corpus.splits.values():
        assert len(split.texts) == len(split.labels) > 0
        assert all(text.strip() and text.encode() for text in (*split.texts, *corpus.labels))
        assert max(split.labels) < len(corpus.labels)
    assert all(note.isprintable() for note in corpus.notes) and len(corpus.fingerprint) == 16


odd_rows = st.lists(
    st.one_of(
        st.fixed_dictionaries({"text": texts, "label": texts}),
        st.fixed_dictionaries(
            {"text": scalars, "label": values},
            optional={"id": values, "intent": texts, "split": texts},
        ),
        st.dictionaries(
            st.one_of(st.sampled_from(["text", "label", "utt"]), texts), values, max_size=4
        ),
        st.sampled_from(GOOD),
    ),
    max_size=12,
)


def test_rows_of_any_kind_are_read_or_refused(hold: Hold) -> None:
    def rule(rows: list[dict[str, Any]], good: bool, split: str) -> None:
        with folder() as path:
            lines = [to_json(row) for row in rows]
            (path / f"{split}.jsonl").write_text("\n".join(lines), encoding="utf-8")
            if good:
                (path / "train.csv").write_text(
                    "text,label\n" + "".join(f"{row['text']},{row['label']}\n" for row in GOOD)
                )
            check_corpus(result(lambda: data.read(str(path))))
            check_corpus(result(lambda: data.read(str(path / f"{split}.jsonl"))))

    readable = st.lists(
        st.fixed_dictionaries({"text": texts.filter(str.strip), "label": scalars.filter(is_label)}),
        max_size=9,
    )
    hold(
        rule,
        odd_rows | readable.map(lambda rows: rows * 2),
        st.booleans(),
        st.sampled_from(["train", "dev", "test"]),
    )


def is_label(value: Any) -> bool:
    """Whether a value can be a label: not None, NaN or blank."""
    if isinstance(value, str):
        return bool(value.strip())
    return value is not None and value == value


def test_csv_of_any_cells_columns_and_encoding_is_read_or_refused(hold: Hold) -> None:
    def rule(header: list[str], rows: list[list[str]], encoding: str, quote: bool) -> None:
        mark = '"' if quote else ""
        lines = [
            ",".join(f"{mark}{cell.replace(mark or ' ', mark * 2)}{mark}" for cell in cells)
            for cells in [header, *rows]
        ]
        lines += [f"{mark}{row['text']}{mark},{row['label']}" for row in GOOD]
        with folder() as path:
            (path / "train.csv").write_bytes("\n".join(lines).encode(encoding, "replace"))
            check_corpus(result(lambda: data.read(str(path))))

    cells = st.lists(texts, min_size=2, max_size=2)
    headers = st.one_of(
        st.just(["text", "label"]),
        st.lists(st.sampled_from(["text", "label", "label", "", "id"]), max_size=4),
        cells,
    )
    encodings = st.sampled_from(
        ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "utf-7"]
    )
    hold(
        rule,
        headers,
        st.lists(st.one_of(cells, st.lists(texts, max_size=4)), max_size=6),
        encodings,
        st.booleans(),
    )


def test_parquet_of_any_columns_is_read_or_refused(hold: Hold) -> None:
    def rule(columns: list[tuple[str, list[Any]]]) -> None:
        try:
            table = pyarrow.Table.from_arrays(
                [pyarrow.array(cells) for _, cells in columns], names=[name for name, _ in columns]
            )
            written = io.BytesIO()
            parquet.write_table(table, written)
        except (pyarrow.ArrowException, ValueError, OverflowError):  # no file can be like this
            return
        with folder() as path:
            (path / "train.parquet").write_bytes(written.getvalue())
            check_corpus(result(lambda: data.read(str(path))))

    kinds = [texts, st.integers(-(2**63), 2**63 - 1), st.floats(), st.booleans(), st.none()]
    kinds += [st.binary(max_size=5), st.datetimes(), st.timedeltas()]
    kinds += [
        st.decimals(allow_nan=False, min_value=-9, max_value=9),
        st.lists(st.integers(0, 9), max_size=2),
    ]
    cells = st.one_of(*(st.lists(kind | st.none(), min_size=6, max_size=6) for kind in kinds))
    threes = [st.lists(kind, min_size=3, max_size=3) for kind in kinds[:4]]
    full = st.one_of(*(three.map(lambda cells: cells * 2) for three in threes))  # each label twice
    usual = st.tuples(
        st.tuples(st.just("text"), full),
        st.tuples(st.just("label"), full),
        st.tuples(st.just("id"), cells),
    ).map(list)
    odd = st.lists(
        st.tuples(st.sampled_from(["text", "label", "label", "id", ""]), cells),
        min_size=1,
        max_size=4,
    )
    hold(rule, usual | odd)


def test_damaged_files_are_read_or_refused(hold: Hold, tmp_path: Path) -> None:
    parquet.write_table(pyarrow.Table.from_pylist(GOOD * 20), tmp_path / "parquet")
    (tmp_path / "csv").write_text(
        'text,label\n"a ""quoted"" one",b\n'
        + "".join(f"{row['text']},{row['label']}\n" for row in GOOD)
    )
    (tmp_path / "jsonl").write_text("".join(json.dumps(row) + "\n" for row in GOOD))
    whole = {ending: (tmp_path / ending).read_bytes() for ending in ("csv", "jsonl", "parquet")}

    def rule(ending: str, dice: random.Random) -> None:
        with folder() as path:
            (path / f"train.{ending}").write_bytes(damaged(whole[ending], dice))
            check_corpus(result(lambda: data.read(str(path))))

    hold(rule, st.sampled_from(["csv", "jsonl", "parquet", "parquet"]), damages)


def test_folders_with_odd_content_are_read_or_refused(hold: Hold) -> None:
    def rule(names: list[str], kind: str) -> None:
        with folder() as path:
            for name in names:
                place = path / name
                if os.path.lexists(place):
                    continue
                if kind == "folder":
                    place.mkdir()
                elif kind == "pipe":
                    os.mkfifo(place)
                elif kind == "link":
                    place.symlink_to(path / "nowhere")
                elif kind == "loop":
                    place.symlink_to(place)
                else:
                    place.write_bytes(b"" if kind == "empty" else bytes(range(256)))
                result(partial(data.read, str(place)))
            result(lambda: data.read(str(path)))

    parts = (
        ["train", "TRAIN", "dev", "val", "test", "x", ".train", "train\n"],
        [".jsonl", ".csv", ".parquet", ".JSONL", "", ".tsv", ".xml", ".jsonl.gz"],
    )
    names = st.lists(st.tuples(*map(st.sampled_from, parts)).map("".join), max_size=5)
    hold(rule, names, st.sampled_from(["folder", "pipe", "link", "loop", "empty", "bytes"]))


def test_any_name_of_data_is_read_or_refused(hold: Hold) -> None:
    def rule(source: str, column: str | None) -> None:
        with folder() as path, contextlib.chdir(path):
            check_corpus(result(lambda: data.read(source, text_column=column)))
            assert not any(path.iterdir())

    named = [flag_values.map("hub:{}".format), texts.map("massive:{}".format), st.just("embedded")]
    hold(rule, st.one_of(flag_values, *named), st.none() | texts)


@pytest.mark.parametrize("classes", [1, 2, 5000])
@pytest.mark.parametrize("rows", [1, 2])
def test_any_number_of_classes_is_read_or_refused(classes: int, rows: int, tmp_path: Path) -> None:
    lines = [
        json.dumps({"text": f"{label} {row}", "label": label})
        for label in range(classes)
        for row in range(rows)
    ]
    (tmp_path / "train.jsonl").write_text("\n".join(lines))
    corpus = result(lambda: data.read(str(tmp_path)))
    # A class with one row leaves nothing for the validation split.
    assert (corpus is not None) == (classes > 1 and rows > 1)
    check_corpus(corpus)


def test_rows_of_any_kind_are_prepared_or_refused(hold: Hold, model_folder: Path) -> None:
    def rule(rows: list[dict[str, Any]]) -> None:
        with folder() as path:
            (path / "train.jsonl").write_text("\n".join(to_json(row) for row in [*GOOD, *rows]))
            prepared = result(lambda: prepare(str(path), str(model_folder)))
            if prepared is not None:
                vectors = prepared.small.weights[prepared.small.embedding]
                for split in (prepared.data.train, prepared.data.validation):
                    assert split.lengths.min() > 0
                    assert split.ids.min() >= 0 and split.ids.max() < len(vectors)

    words = texts.filter(str.strip)
    hold(rule, st.lists(st.fixed_dictionaries({"text": words, "label": words}), max_size=8))
