"""Reading labelled texts: every form of source, and every mistake as one line."""

import json
import os
import shutil
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pandas
import pytest

from tests import tiny
from trainables.parts.data import columns, hub
from trainables.parts.data import corpus as data
from trainables.parts.data.corpus import Corpus, Split

Row = dict[str, Any]
TRAIN = [
    {"text": f"{word} number {number}", "label": label}
    for number in range(4)
    for word, label in (("hello", "greet"), ("bye", "leave"))
]
OTHER = [{"text": "hello you", "label": "greet"}, {"text": "bye you", "label": "leave"}]


def jsonl(path: Path, rows: Iterable[Any]) -> Path:
    path.write_text(
        "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8"
    )
    return path


def csv(path: Path, rows: Iterable[Row]) -> Path:
    pandas.DataFrame(list(rows)).to_csv(path, index=False)
    return path


def parquet(path: Path, rows: Iterable[Row]) -> Path:
    pandas.DataFrame(list(rows)).to_parquet(path)
    return path


WRITERS: dict[str, Callable[[Path, Iterable[Row]], Path]] = {
    "jsonl": jsonl,
    "csv": csv,
    "parquet": parquet,
}


def folder(path: Path, ending: str = "jsonl", **splits: list[Row]) -> str:
    """Write a data set as a folder and return it as a SOURCE."""
    path.mkdir(exist_ok=True)
    for name, rows in splits.items():
        WRITERS[ending](path / f"{name}.{ending}", rows)
    return str(path)


def refusal(source: object, **options: Any) -> str:
    """The one line with which a SOURCE is refused."""
    with pytest.raises(ValueError) as error:
        data.read(str(source), **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def rows_of(corpus: Corpus, split: str) -> list[tuple[str, str]]:
    found = corpus.splits[split]
    return [
        (text, corpus.labels[label]) for text, label in zip(found.texts, found.labels, strict=True)
    ]


# Forms of source


@pytest.mark.parametrize("ending", WRITERS)
def test_folder_of_three_files_is_read_as_it_stands(tmp_path: Path, ending: str) -> None:
    corpus = data.read(folder(tmp_path, ending, train=TRAIN, validation=OTHER, test=OTHER[:1]))
    for split, rows in (("train", TRAIN), ("validation", OTHER), ("test", OTHER[:1])):
        assert rows_of(corpus, split) == [(row["text"], row["label"]) for row in rows]


def test_the_three_formats_give_the_same_corpus(tmp_path: Path) -> None:
    found = {
        data.read(folder(tmp_path / ending, ending, train=TRAIN, test=OTHER)).fingerprint
        for ending in WRITERS
    }
    assert len(found) == 1


@pytest.mark.parametrize(
    ("file", "split"),
    [("dev", "validation"), ("valid", "validation"), ("Val", "validation"), ("TESTING", "test")],
)
def test_files_may_have_the_usual_names_of_a_split(tmp_path: Path, file: str, split: str) -> None:
    corpus = data.read(folder(tmp_path, train=TRAIN, **{file: OTHER}))
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


def test_labels_are_the_sorted_union_over_the_splits(tmp_path: Path) -> None:
    source = folder(
        tmp_path,
        train=TRAIN,
        validation=[{"text": "a", "label": "zzz"}],
        test=[{"text": "b", "label": "aaa"}],
    )
    assert data.read(source).labels == ("aaa", "greet", "leave", "zzz")


# Columns


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


# Cells


def test_label_01_stays_text_in_csv(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(
        "text,label\n" + "".join(f"hello {i},0{i % 2}\n" for i in range(8))
    )
    assert data.read(str(tmp_path)).labels == ("00", "01")


def test_numbers_and_truth_values_are_labels_as_written(tmp_path: Path) -> None:
    rows = [{"text": f"hello {i}", "label": label} for i in range(3) for label in (3, 10, True)]
    assert data.read(folder(tmp_path, train=rows)).labels == ("10", "3", "True")


def test_quoted_csv_keeps_commas_quotes_and_newlines(tmp_path: Path) -> None:
    text = 'say "hi, you"\nand, then\r\n"go"'
    corpus = data.read(
        folder(tmp_path, "csv", train=TRAIN, test=[{"text": text, "label": "greet"}])
    )
    assert rows_of(corpus, "test") == [(text, "greet")]


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


# Splits


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


# Mistakes


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_file_without_rows_is_refused(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"train.{ending}").write_text("")
    assert "has no rows" in refusal(tmp_path)


def test_folder_without_training_rows_is_refused_with_what_it_has(tmp_path: Path) -> None:
    assert "no train split; found: test" in refusal(folder(tmp_path, test=OTHER))


def test_folder_without_data_files_says_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    assert "needs train.jsonl, train.csv or train.parquet" in refusal(tmp_path)


def test_one_class_is_refused_by_its_name(tmp_path: Path) -> None:
    assert "one class only ('greet')" in refusal(
        folder(tmp_path, train=[row for row in TRAIN if row["label"] == "greet"])
    )


def test_rows_too_few_to_cut_a_validation_split_are_refused(tmp_path: Path) -> None:
    assert "none can be cut" in refusal(folder(tmp_path, train=OTHER))


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


def test_file_of_another_format_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text("text\tlabel\n")
    assert ".jsonl, .csv, .parquet" in refusal(tmp_path / "train.tsv")


# The hub


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Writes data sets into an empty cache, laid out as `datasets` leaves it after a download."""
    import datasets
    from datasets.packaged_modules.json.json import Json

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")

    def put(name: str, config: str, classes: list[str] | None = None, **splits: list[Row]) -> None:
        label = datasets.ClassLabel(names=classes) if classes else datasets.Value("string")
        files = {
            split: str(jsonl(tmp_path / f"{split}.jsonl", rows)) for split, rows in splits.items()
        }
        builder = Json(
            cache_dir=str(tmp_path / "build"),
            dataset_name=name.split("/")[1],
            config_name=config,
            hash="0",
            data_files=files,
            features=datasets.Features(text=datasets.Value("string"), label=label),
        )
        builder.download_and_prepare()
        shutil.move(
            builder.cache_dir,
            tmp_path / "cache" / name.replace("/", "___") / config / "0.0.0" / "0",
        )

    return put


def test_hub_data_is_read_from_the_cache_without_a_network(hub_cache: Callable[..., None]) -> None:
    hub_cache("someone/intents", "default", train=TRAIN, validation=OTHER, test=OTHER[:1])
    corpus = data.read("hub:someone/intents")
    for split, rows in (("train", TRAIN), ("validation", OTHER), ("test", OTHER[:1])):
        assert rows_of(corpus, split) == [(row["text"], row["label"]) for row in rows]


def test_hub_data_with_numbered_classes_has_their_names(hub_cache: Callable[..., None]) -> None:
    numbered = [{**row, "label": ["greet", "leave"].index(row["label"])} for row in TRAIN]
    hub_cache("someone/numbered", "default", classes=["greet", "leave"], train=numbered)
    corpus = data.read("hub:someone/numbered")
    assert sorted(rows_of(corpus, "train") + rows_of(corpus, "validation")) == sorted(
        (row["text"], row["label"]) for row in TRAIN
    )


@pytest.mark.parametrize("label", [None, -1])
def test_hub_row_without_a_class_is_one_line_that_names_the_data(
    hub_cache: Callable[..., None], label: int | None
) -> None:
    numbered = [{**row, "label": index % 2} for index, row in enumerate(TRAIN)]
    test = [{"text": "unlabelled", "label": label}]
    hub_cache(
        "someone/unlabelled", "default", classes=["greet", "leave"], train=numbered, test=test
    )
    assert "hub:someone/unlabelled" in refusal("hub:someone/unlabelled")


@pytest.mark.parametrize("source", ["massive", "massive:en", "massive:en-US"])
def test_massive_is_the_hubs_english_from_the_cache(
    hub_cache: Callable[..., None], source: str
) -> None:
    hub_cache("mteb/amazon_massive_intent", "en", train=TRAIN)
    assert data.read(source).labels == ("greet", "leave")


@pytest.mark.parametrize(
    "source", ["hub:someone/absent", "hub:someone/intents:other", "massive", "massive:de-DE"]
)
def test_hub_data_that_is_not_cached_is_refused_at_once_without_a_network(
    hub_cache: Callable[..., None], source: str
) -> None:
    hub_cache("someone/intents", "default", train=TRAIN)
    began = time.perf_counter()
    message = refusal(source)
    assert f"data '{source}' is neither on the hub nor in its cache" in message
    assert time.perf_counter() - began < 5


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """As if nobody had asked yet whether the hub answers; what the answer changes is put back."""
    import huggingface_hub.constants

    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    return monkeypatch


def test_a_hub_that_answers_is_reachable(online: pytest.MonkeyPatch) -> None:
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)  # answers 501: it is there
    threading.Thread(target=server.handle_request, daemon=True).start()
    online.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    assert hub.reachable.__wrapped__()
    server.server_close()
    assert os.environ["HF_HUB_OFFLINE"] == "0"


def test_a_hub_that_does_not_answer_takes_the_process_offline(online: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and nobody listens
        online.setenv("HF_ENDPOINT", f"http://127.0.0.1:{taken.getsockname()[1]}")
        assert not hub.reachable.__wrapped__()
    assert os.environ["HF_HUB_OFFLINE"] == "1" and huggingface_hub.constants.HF_HUB_OFFLINE


# What is known of a corpus


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
    assert len({found.fingerprint for found in [corpus, *changed]}) == len(changed) + 1


def test_fingerprint_does_not_change_with_where_the_data_came_from() -> None:
    assert (
        replace(toy_corpus(), source="elsewhere", notes=("note",)).fingerprint
        == toy_corpus().fingerprint
    )


# Development data, where it is there


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
