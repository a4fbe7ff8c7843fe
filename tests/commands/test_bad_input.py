"""Bad input, generated: each ends in a result or in one clear line, never in a traceback, a hang,
or something half-written.

Every rule is held for a few inputs quickly and, marked slow, for many; the inputs are the same on
every run. Others, with a seed of one's own: `pytest tests/commands/test_bad_input.py
--hypothesis-seed=7`.
"""

import contextlib
import io
import json
import os
import pickle
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow
import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from safetensors.torch import load_file, save_file

import trainables
from search import arguments, export, predict, train
from search.final.predictor import Predictor
from search.inputs import prepare
from search.outputs.recipe import read_recipe
from search.outputs.tables import CONDITIONS
from search.request import read_request
from search.spec import SearchSpec
from search.study import study as studies
from tests import tiny
from tests.processes import ROOT
from trainables.parts.data import corpus as data
from trainables.parts.model import encoder
from trainables.parts.model.classifier import WEIGHTS, Classifier
from trainables.parts.model.encoder import Pretrained
from trainables.parts.model.head import Head

FEW, MANY = 25, 200
"""Inputs a rule is held for, quickly and slowly."""
LONGEST = 1600
"""Letters that a refusal may have: the valid choices are among them, an endless value is not."""

Hold = Callable[..., None]


@pytest.fixture(
    params=[pytest.param(FEW, id="few"), pytest.param(MANY, id="many", marks=pytest.mark.slow)]
)
def hold(request: pytest.FixtureRequest) -> Hold:
    """Calls a rule with generated inputs.

    Without --hypothesis-seed they are the same on every run.
    """
    options = settings(
        max_examples=request.param,
        derandomize=request.config.getoption("--hypothesis-seed", None) is None,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )

    def run(rule: Callable[..., None], *inputs: st.SearchStrategy[Any]) -> None:
        options(given(*inputs)(rule))()

    return run


def result(call: Callable[[], Any]) -> Any:
    """What a call returns, or None where it refuses its input in one readable line."""
    try:
        return call()
    except ValueError as error:
        assert type(error) is ValueError, f"{type(error).__name__} is no refusal: {error}"
        check_line(str(error))
        return None


def check_line(message: str) -> None:
    assert message.strip() and message.isprintable() and len(message) <= LONGEST, repr(message)


def ended(main: Callable[[list[str]], int], argv: list[str]) -> int:
    """The exit code of a command; where it is 2, stderr has one line and stdout none."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(argv)
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
    assert code in (0, 2), err.getvalue()
    if code == 2:
        check_refusal(out.getvalue(), err.getvalue())
    return code


def check_refusal(out: str, err: str) -> None:
    assert out == "" and err.startswith("error: ") and err.endswith("\n"), (out, err)
    check_line(err[:-1])


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bad") as path:
        yield Path(path)


def listing(path: Path) -> list[str]:
    return sorted(str(found.relative_to(path)) for found in path.rglob("*"))


# What is generated

ODD_TEXTS = [
    "",
    " ",
    "\t\n",
    "\0",
    "a\0b",
    "\ud83d",
    "broken \udcff bytes",
    "\U0001f60a\U0001f1e9\U0001f1ea",
    "שלום עולם",
    "\u202eright to left",
    "\x1b[31mred",
    "two\nlines",
    "two\r\nlines\x0b\x85\u2028",
    "\ufeffmark",
    "\ufffd",
    "word " * 5000,
    "x" * 50_000,
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "/",
    ".",
    "..",
    "~",
    "~nobody/x",
    "a" * 300,
    "=1+1",
    '"',
    "'",
    ",",
    "{}",
    "[" * 1000,
    "%s %(x)s {0}",
    "\\",
    "[PAD]",
    "[CLS] [SEP] [MASK]",
    "‮",
    "nan",
    "NULL",
    "none",
    "1" * 5000,
]
ODD_NUMBERS = [
    0,
    -0.0,
    1,
    -1,
    2**31,
    2**63,
    -(2**63),
    10**30,
    10**400,
    1e308,
    1e-320,
    float("nan"),
    float("inf"),
    float("-inf"),
]
letters = st.text(st.characters(exclude_categories=()), max_size=20)  # surrogates too
texts = st.one_of(st.sampled_from(ODD_TEXTS), letters)
scalars = st.one_of(
    texts, st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(ODD_NUMBERS)
)
values = st.one_of(
    scalars,
    st.recursive(
        scalars,
        lambda one: st.lists(one, max_size=3) | st.dictionaries(letters, one, max_size=3),
        max_leaves=6,
    ),
)
flag_values = st.one_of(
    texts,
    st.sampled_from(
        [
            "0",
            "-1",
            "1",
            "1e999",
            "-inf",
            "inf",
            "nan",
            "1e-320",
            "9" * 30,
            "9" * 5000,
            "-" + "9" * 400,
            "1.5",
            "0x10",
            "1_0",
        ]
    ),
    st.sampled_from(
        [
            "auto",
            "none",
            "2h",
            "0s",
            "1d",
            "99999999999h",
            "3x2",
            "0x0",
            "9" * 400 + "x1",
            "all",
            "tpe",
            "٣",
            "x=1",
            "=",
        ]
    ),
    st.sampled_from(
        [
            "head_width=1" + "0" * 400,
            "dropout=nan",
            "dropout=inf",
            "batch_size=1e5",
            "=1",
            "dropout",
            "a\nb=1",
            "dropout=" + "9" * 5000,
        ]
    ),
    st.sampled_from(
        [
            "https://me:secret@x",
            "http://[",
            "sqlite://",
            "://",
            "file:///dev/null",
            "hub:",
            "hub:../..",
            "massive:x",
            "/dev/zero",
        ]
    ),
    st.integers().map(str),
    st.floats().map(str),
)
damages = st.integers(0, 2**32).map(random.Random)
GOOD = [
    {"text": f"{word} number {i}", "label": label}
    for i in range(4)
    for word, label in (("hello", "greet"), ("bye", "leave"))
]


def damaged(content: bytes, dice: random.Random, end: int | None = None) -> bytes:
    """The bytes with some of them changed, cut out, doubled, or cut off; in the first `end` of them
    only."""
    found, end = bytearray(content), end or len(content)
    for _ in range(dice.choice([1, 1, 1, 3, 20])):
        at = dice.randrange(max(1, min(end, len(found))))
        match dice.randrange(5):
            case 0:
                found[at : at + 1] = bytes([dice.randrange(256)])
            case 1:
                found[at : at + 1] = bytes([(found[at] if found else 0) ^ 1 << dice.randrange(8)])
            case 2:
                del found[at : at + dice.randrange(1, 50)]
            case 3:
                found[at:at] = found[at : at + dice.randrange(1, 50)]
            case _:
                del found[at:]
    return bytes(found)


def retyped(tree: Any, dice: random.Random, odd: Any) -> Any:
    """A copy of nested values in which one is gone, is `odd`, or stands under another name."""
    tree = json.loads(json.dumps(tree))
    at = tree
    while True:
        key = dice.choice(list(at) if isinstance(at, dict) else range(len(at))) if at else None
        if key is None:
            return odd
        if isinstance(at[key], dict | list) and at[key] and dice.random() < 0.7:
            at = at[key]
            continue
        match dice.randrange(4):
            case 0:
                del at[key]
            case 1 if isinstance(at, dict):
                at[str(odd)[:30]] = at.pop(key)
            case _:
                at[key] = odd
        return tree


# Data


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
            lines = [_json(row) for row in rows]
            (path / f"{split}.jsonl").write_text("\n".join(lines), encoding="utf-8")
            if good:
                (path / "train.csv").write_text(
                    "text,label\n" + "".join(f"{row['text']},{row['label']}\n" for row in GOOD)
                )
            check_corpus(result(lambda: data.read(str(path))))
            check_corpus(result(lambda: data.read(str(path / f"{split}.jsonl"))))

    readable = st.lists(
        st.fixed_dictionaries(
            {"text": texts.filter(str.strip), "label": scalars.filter(_says_something)}
        ),
        max_size=9,
    )
    hold(
        rule,
        odd_rows | readable.map(lambda rows: rows * 2),
        st.booleans(),
        st.sampled_from(["train", "dev", "test"]),
    )


def _says_something(value: Any) -> bool:
    return (
        value is not None and value == value and (not isinstance(value, str) or bool(value.strip()))
    )


def _json(row: Any) -> str:
    try:
        return json.dumps(row)
    except ValueError:  # a number of more digits than Python writes
        return '{"text": "a", "label": 1' + "0" * 5000 + "}"


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

    kinds = [
        texts,
        st.integers(-(2**63), 2**63 - 1),
        st.floats(),
        st.booleans(),
        st.none(),
        st.binary(max_size=5),
        st.datetimes(),
    ]
    kinds += [
        st.timedeltas(),
        st.decimals(allow_nan=False, min_value=-9, max_value=9),
        st.lists(st.integers(0, 9), max_size=2),
    ]
    cells = st.one_of(*(st.lists(kind | st.none(), min_size=6, max_size=6) for kind in kinds))
    full = st.one_of(
        *(st.lists(kind, min_size=3, max_size=3).map(lambda found: found * 2) for kind in kinds[:4])
    )  # each label twice
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
        [".jsonl", ".csv", ".parquet", ".JSONL", "", ".tsv", ".jsonl.gz"],
    )
    names = st.lists(st.tuples(*map(st.sampled_from, parts)).map("".join), max_size=5)
    hold(rule, names, st.sampled_from(["folder", "pipe", "link", "loop", "empty", "bytes"]))


def test_any_name_of_data_is_read_or_refused(hold: Hold) -> None:
    def rule(source: str, column: str | None) -> None:
        with folder() as path, contextlib.chdir(path):
            check_corpus(result(lambda: data.read(source, text_column=column)))
            assert not any(path.iterdir())

    hold(
        rule,
        st.one_of(
            flag_values,
            flag_values.map("hub:{}".format),
            texts.map("massive:{}".format),
            st.just("embedded"),
        ),
        st.none() | texts,
    )


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
    assert (corpus is not None) == (
        classes > 1 and rows > 1
    )  # of a class with one row no validation split can be cut
    check_corpus(corpus)


def test_rows_of_any_kind_are_prepared_or_refused(hold: Hold, model_folder: Path) -> None:
    def rule(rows: list[dict[str, Any]]) -> None:
        with folder() as path:
            (path / "train.jsonl").write_text("\n".join(_json(row) for row in [*GOOD, *rows]))
            prepared = result(lambda: prepare(str(path), str(model_folder)))
            if prepared is not None:
                vectors = prepared.small.weights[prepared.small.embedding]
                for split in (prepared.data.train, prepared.data.validation):
                    assert (
                        split.lengths.min() > 0
                        and split.ids.min() >= 0
                        and split.ids.max() < len(vectors)
                    )

    hold(
        rule,
        st.lists(
            st.fixed_dictionaries(
                {"text": texts.filter(str.strip), "label": texts.filter(str.strip)}
            ),
            max_size=8,
        ),
    )


# Flags


FLAGS = [
    action.option_strings[-1]
    for action in arguments.parser()._actions
    if action.option_strings and action.nargs != 0
]


def test_any_value_of_a_flag_of_a_search_is_taken_or_refused(hold: Hold) -> None:
    def rule(flag: str, value: str, other: str, another: str) -> None:
        with folder() as path:
            given = {
                "--regime": "baseline",
                "--data": "embedded",
                "--model": "minilm",
                "--results": str(path / "results"),
            }
            given |= {other: another} if other != flag and another else {}
            given |= {flag: value}

            def main(argv: list[str]) -> int:
                made = result(lambda: read_request(arguments.parse(argv)))
                for spec in made.specs if made else []:
                    assert SearchSpec.from_json(spec.to_json()) == spec and spec.name
                return 0

            with contextlib.chdir(path):
                ended(main, [f"{name}={text}" for name, text in given.items()])
            assert not any(path.iterdir())

    hold(
        rule, st.sampled_from(FLAGS), flag_values, st.sampled_from(FLAGS), st.just("") | flag_values
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `results` with one finished search of one trial, `tiny`, and its export
    `best.yaml` beside it."""
    results = tmp_path_factory.mktemp("finished") / "results"
    spec = SearchSpec(
        regime="baseline", data="embedded", model="minilm", name="tiny", results=str(results)
    )
    spec.folder.mkdir(parents=True)
    (spec.folder / "spec.json").write_text(spec.to_json())
    study = studies.open_study(spec)
    trial = study.ask()
    trial.set_user_attr(studies.CONFIG, trainables.load("baseline").Config().to_dict())
    study.tell(trial, 0.5)
    conditions = {
        "data": "0" * 16,
        "model": "1" * 16,
        "precision": "fp32",
        "threads": 1,
        "device": "cpu",
    }
    study.set_user_attr(CONDITIONS, conditions)
    (results.parent / "best.yaml").write_text(export.export(spec.folder))
    return results


def test_any_flag_of_an_export_is_taken_or_refused(hold: Hold, finished: Path) -> None:
    def rule(name: str, value: str) -> None:
        with folder() as path, contextlib.chdir(path):
            given = {"--results": str(finished), "--out": "best.yaml"} | (
                {name: value} if name else {}
            )
            code = ended(
                export.main,
                [
                    *(f"{flag}={text}" for flag, text in given.items()),
                    "--",
                    "tiny" if name else value,
                ],
            )
            written = [found for found in listing(path) if (path / found).is_file()]
            assert code == 0 or not written, written
            assert all(read_recipe(path / found) for found in written)

    # A path that names a real place outside is a place to write to.
    inside = flag_values.filter(lambda text: not text.startswith(("/", "..", "~")))
    hold(rule, st.sampled_from(["", "--top", "--out", "--results"]), inside)


def test_any_flag_of_a_training_is_taken_or_refused(
    hold: Hold, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise ValueError("all was right, and nothing is trained here")

    monkeypatch.setattr(train, "train", stop)

    def rule(name: str, value: str) -> None:
        with folder() as path, contextlib.chdir(path):
            given = {"--seeds": "2", "--results": str(path / "results")} | (
                {name: value} if name else {}
            )
            ended(
                train.main,
                [
                    *(f"{flag}={text}" for flag, text in given.items()),
                    "--",
                    str(finished.parent / "best.yaml") if name else value,
                ],
            )
            assert listing(path) == []

    hold(
        rule,
        st.sampled_from(["", "--seeds", "--out", "--register", "--tracking-uri", "--results"]),
        flag_values,
    )


# Damaged files


YAMLS = [
    "!!python/object/apply:os.system ['touch MARKER']",
    "regime: !!python/object/apply:pathlib.Path.touch [MARKER]",
    "!!python/name:os.system ''",
    "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nconfig: *c",
    "a: &a\n  b: *a",
    "--- 1\n--- 2",
    "!!int ''",
    "!!bool x",
    "!!timestamp x",
    "a: 2024-99-99",
    "? [1, 2]\n: 3",
    "<<: 3",
    "a: !!binary x",
    "\t",
    "%YAML 9.9\n---\n{}",
    "[" * 2000,
    "a: " + "1" * 5000,
]


def test_a_damaged_export_is_read_or_refused(hold: Hold, finished: Path) -> None:
    text = (finished.parent / "best.yaml").read_text()
    document = yaml.safe_load(text)

    def rule(how: str, dice: random.Random, odd: Any, extra: str) -> None:
        with folder() as path, contextlib.chdir(path):
            if how == "bytes":
                Path("best.yaml").write_bytes(damaged(text.encode(), dice))
            elif how == "yaml":
                Path("best.yaml").write_text(
                    extra if dice.random() < 0.5 else text + "extra: " + extra.replace("\n", " ")
                )
            else:
                Path("best.yaml").write_text(
                    yaml.dump(retyped(document, dice, odd)), encoding="utf-8", errors="replace"
                )
            found = result(lambda: read_recipe(Path("best.yaml")))
            if found is not None:
                json.dumps(found, allow_nan=False)
                assert found["epochs"] > 0 and isinstance(found["data"]["source"], str)
            assert listing(path) == ["best.yaml"]

    hold(
        rule,
        st.sampled_from(["bytes", "retyped", "retyped", "yaml"]),
        damages,
        values.filter(_plain),
        st.sampled_from(YAMLS),
    )


def _plain(value: Any) -> bool:
    """What json and yaml can write."""
    try:
        json.dumps(value)
        return True
    except ValueError:
        return False


def test_an_export_with_multiplying_aliases_is_refused_at_once(
    finished: Path, tmp_path: Path
) -> None:
    levels = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 30))
    path = tmp_path / "best.yaml"
    path.write_text((finished.parent / "best.yaml").read_text() + "l0: &l0 [x]\n" + levels)
    assert result(lambda: read_recipe(path)) is None


def test_a_damaged_spec_is_read_or_refused(hold: Hold, finished: Path) -> None:
    text = (finished / "tiny" / "spec.json").read_text()

    def rule(how: str, dice: random.Random, odd: Any) -> None:
        content = (
            damaged(text.encode(), dice)
            if how == "bytes"
            else json.dumps(retyped(json.loads(text), dice, odd)).encode()
        )
        made = result(lambda: SearchSpec.from_json(content.decode("utf-8", "replace")))
        if made is not None:
            assert SearchSpec.from_json(made.to_json()) == made
        with folder() as path:
            (path / "tiny").mkdir()
            (path / "tiny" / "spec.json").write_bytes(content)
            result(
                lambda: read_request(arguments.parse(["--resume", "tiny", "--results", str(path)]))
            )
            assert listing(path) == ["tiny", "tiny/spec.json"]
            assert ended(export.main, ["tiny", "--results", str(path)]) == 2

    hold(rule, st.sampled_from(["bytes", "retyped"]), damages, values.filter(_plain))


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory, pretrained: Pretrained, model_folder: Path
) -> Path:
    """A folder as search.train writes it."""
    path = tmp_path_factory.mktemp("trained") / "model"
    torch.manual_seed(0)
    model = Classifier.new(pretrained.build(), Head(), tuple(sorted(tiny.VERBS)))
    model.save(path, encoder.load_tokenizer(str(model_folder)))
    return path


SIZES = [
    0,
    -1,
    1,
    2,
    7,
    64,
    10**5,
    10**9,
    10**12,
    2**63,
    10**30,
    -(10**12),
    1.5,
    "64",
    True,
    None,
    [],
    {},
]
CODE = (
    "import pathlib\npathlib.Path('MARKER').touch()\nclass Model: pass\nclass Config: pass\nclass"
    " Tokenizer: pass\n"
)


class Payload:
    """Unpickling it creates a file."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("MARKER"),))


def damage_model(path: Path, how: str, dice: random.Random, odd: Any) -> None:
    """Do one harm to a model's folder."""
    config, weights = path / "config.json", path / WEIGHTS
    header = int.from_bytes(weights.read_bytes()[:8], "little") + 8
    match how:
        case "config bytes":
            config.write_bytes(damaged(config.read_bytes(), dice))
        case "config values":
            config.write_text(json.dumps(retyped(json.loads(config.read_text()), dice, odd)))
        case "config sizes":
            tree = json.loads(config.read_text())
            names = [name for name, value in tree.items() if isinstance(value, int)] + [
                "num_labels",
                "pruned_heads",
                "layer_types",
            ]
            config.write_text(json.dumps({**tree, dice.choice(names): dice.choice(SIZES)}))
        case "head":
            tree = json.loads(config.read_text())
            tree["regimen"] = retyped(tree["regimen"], dice, dice.choice(SIZES))
            config.write_text(json.dumps(tree))
        case "weights header":
            weights.write_bytes(damaged(weights.read_bytes(), dice, header))
        case "weights bytes":
            weights.write_bytes(damaged(weights.read_bytes(), dice))
        case "weights values":
            tensors = load_file(weights)
            name = dice.choice(sorted(tensors))
            wrong = [
                tensors[name] * float("nan"),
                tensors[name] * 1e38,
                tensors[name].int(),
                tensors[name].half(),
                tensors[name][:1].clone(),
            ]
            save_file(
                {
                    **tensors,
                    name: dice.choice([*wrong, torch.zeros(0), tensors[name].to(torch.complex64)]),
                },
                weights,
            )
        case "tokenizer":
            file = dice.choice([found for found in path.iterdir() if "token" in found.name])
            file.write_bytes(damaged(file.read_bytes(), dice))
        case "tokenizer values":
            file = dice.choice([found for found in path.iterdir() if "token" in found.name])
            file.write_text(
                json.dumps(retyped(json.loads(file.read_text()), dice, dice.choice([odd, *SIZES])))
            )
        case "missing":
            dice.choice(list(path.iterdir())).unlink()
        case "pickle":
            weights.unlink()
            (path / dice.choice([WEIGHTS, "pytorch_model.bin", "model.bin"])).write_bytes(
                pickle.dumps(Payload())
            )
        case "code":
            (path / "evil.py").write_text(CODE)
            auto = {
                "AutoConfig": "evil.Config",
                "AutoModel": "evil.Model",
                "AutoTokenizer": ["evil.Tokenizer", "evil.Tokenizer"],
            }
            file = dice.choice([config, path / "tokenizer_config.json"])
            tree = json.loads(file.read_text()) | {
                "auto_map": auto,
                dice.choice(["x", "model_type", "tokenizer_class"]): "evil",
            }
            file.write_text(json.dumps(tree))
        case "kernel":
            name = dice.choice(
                [
                    "_attn_implementation",
                    "attn_implementation",
                    "_attn_implementation_internal",
                    "quantization_config",
                ]
            )
            tree = json.loads(config.read_text()) | {
                name: dice.choice(["evil/code", "flash_attention_2", {"x": 1}])
            }
            config.write_text(json.dumps(tree))


HARMS = [
    "config bytes",
    "config values",
    "config sizes",
    "config sizes",
    "head",
    "weights header",
    "weights bytes",
    "weights values",
]
HARMS += ["tokenizer", "tokenizer values", "missing", "pickle", "code", "kernel"]


def test_a_damaged_model_is_loaded_or_refused(hold: Hold, model_folder: Path) -> None:
    def rule(how: str, dice: random.Random, odd: Any) -> None:
        with folder() as path, contextlib.chdir(path):
            shutil.copytree(model_folder, "model")
            damage_model(Path("model"), how, dice, odd)
            (path / "train.jsonl").write_text("\n".join(json.dumps(row) for row in GOOD))
            prepared = result(lambda: prepare("train.jsonl", "model"))
            if prepared is not None:
                prepared.small.build()
            assert not Path("MARKER").exists()

    hold(
        rule,
        st.sampled_from([harm for harm in HARMS if harm != "head"]),
        damages,
        values.filter(_plain),
    )


def test_a_damaged_classifier_predicts_or_is_refused(hold: Hold, trained: Path) -> None:
    def rule(how: str, dice: random.Random, odd: Any) -> None:
        with folder() as path, contextlib.chdir(path):
            shutil.copytree(trained, "model")
            damage_model(Path("model"), how, dice, odd)
            before = listing(path)
            ended(predict.main, ["model", "--", "please wake me", "word " * 500])
            assert listing(path) == before

    hold(rule, st.sampled_from(HARMS), damages, values.filter(_plain))


def test_any_text_is_classified(hold: Hold, trained: Path) -> None:
    predictor = Predictor(trained)

    def rule(lines: list[str]) -> None:
        for line, row in zip(lines, predictor.predict(lines), strict=True):
            assert len(row["text"]) == len(line) and 0 <= row["score"] <= 1
            json.dumps(row, ensure_ascii=False, allow_nan=False).encode()

    hold(rule, st.lists(texts.filter(str.strip), max_size=5))


@pytest.mark.parametrize("text", ["", " \t\n", None, 3, 0.5, b"wake me", float("nan")])
def test_what_has_no_intent_is_refused(trained: Path, text: Any) -> None:
    assert result(lambda: Predictor(trained).predict(["wake me", text])) is None


# Real processes


PROCESSES: dict[str, list[str]] = {
    "a flag's value with line breaks": ["search.run", "--regime", "a\nb\r\nc"],
    "a flag that is none": ["search.run", "--none\nsuch", "x"],
    "an endless number": ["search.run", "--regime", "baseline", "--trials", "9" * 5000],
    "data that are a device": ["search.run", "--regime", "baseline", "--data", "/dev/zero"],
    "data that are a broken byte": ["search.run", "--regime", "baseline", "--data", "\udcff"],
    "a home of nobody": [
        "search.run",
        "--regime",
        "baseline",
        "--results",
        "~nobody-of-that-name/x",
    ],
    "a path that no file system takes": [
        "search.run",
        "--regime",
        "baseline",
        "--results",
        "x/" * 3000 + "y" * 300,
    ],
    "a search outside": ["search.run", "--resume", "../../etc"],
    "YAML with Python in it": ["search.train", "evil.yaml"],
    "an export that is a device": ["search.train", "/dev/zero"],
    "an export that is there no more": ["search.export", "gone\nsearch"],
    "a model with a number of labels that fills the memory": ["search.predict", "model", "hello"],
    "a model of that kind, searched": ["search.run", "--regime", "baseline", "--model", "model"],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PROCESSES)
def test_a_command_ends_in_one_line_and_exit_code_2(
    name: str, tmp_path: Path, trained: Path
) -> None:
    module, *argv = PROCESSES[name]
    (tmp_path / "evil.yaml").write_text(YAMLS[0])
    shutil.copytree(trained, tmp_path / "model")
    config = tmp_path / "model" / "config.json"
    values = {
        key: value
        for key, value in json.loads(config.read_text()).items()
        if key not in ("id2label", "label2id")
    }
    config.write_text(json.dumps(values | {"num_labels": 10**9}))
    before = listing(tmp_path)
    if module == "search.run":
        given = {"--data": "embedded", "--model": "minilm", "--results": "results"}
        argv += [
            item for flag, value in given.items() if flag not in argv for item in (flag, value)
        ]
    command = [sys.executable, "-m", module, *argv]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 2, done.stderr
    check_refusal(done.stdout, done.stderr)
    assert listing(tmp_path) == before
