"""Labelled texts from wherever users have them: read, checked, and split into train, validation and test.

A SOURCE is one of

- `massive[:LOCALE]`: MASSIVE from the hub (`mteb/amazon_massive_intent`), English where no locale is given;
- `embedded`: the corpus that comes with Regimen, 60 intents of 40 utterances;
- `hub:OWNER/NAME[:CONFIG]`: any data set on the hub, or in its cache;
- a folder with train, and if there are any validation and test, as .jsonl, .csv or .parquet;
- one such file, with a column `partition` or `split` that names the split of each row (MASSIVE's own `en-US.jsonl` is one).
"""

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trainables.parts import hub

EMBEDDED = Path(__file__).parent / "massive_mini"
MASSIVE_HUB = "mteb/amazon_massive_intent"
SPLITS = ("train", "validation", "test")
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
}
SPLIT_NAMES |= {"dev": "validation", "devel": "validation", "test": "test", "testing": "test"}
TEXT_COLUMNS = ("text", "utt", "utterance", "sentence", "query", "question", "content", "input")
LABEL_COLUMNS = ("label_text", "intent", "label_name", "label", "category", "class", "target")
SPLIT_COLUMNS = ("partition", "split")
FORMATS = (".jsonl", ".csv", ".parquet")
VALIDATION_SHARE = 0.15
MASSIVE_SIZES = {"train": 11514, "validation": 2033, "test": 2974}

Row = dict[str, Any]


@dataclass(frozen=True)
class Split:
    """Texts and the index of each one's label."""

    texts: tuple[str, ...]
    labels: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True)
class Corpus:
    """A checked data set. `labels` is the sorted union over the splits; `test` may be missing; `notes` say what was found and done."""

    source: str
    train: Split
    validation: Split
    test: Split | None
    labels: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def splits(self) -> dict[str, Split]:
        """The splits there are, by name."""
        found = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: split for name, split in found.items() if split is not None}

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits that change with any text, label or split."""
        content = [self.labels, *((name, split.texts, split.labels) for name, split in self.splits.items())]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]

    @property
    def is_massive_english(self) -> bool:
        """Whether this is the data of the paper, by its sizes, its intents and the words of its test split."""
        if {name: len(split) for name, split in self.splits.items()} != MASSIVE_SIZES or len(self.labels) != 60:
            return False
        words = {word for text in self.splits["test"].texts for word in text.lower().split()}
        return {"alarm_set", "iot_hue_lightup", "qa_factoid"} <= set(self.labels) and {"the", "what", "please"} <= words


def read(source: str, *, text_column: str | None = None, label_column: str | None = None, seed: int = 0) -> Corpus:
    """Read and check a SOURCE. Raises ValueError with one line that says what is wrong and what would do."""
    rows, notes = _rows(source)
    if not any(rows.values()):
        raise ValueError(f"data '{source}' has no rows")
    if not rows.get("train"):
        raise ValueError(f"data '{source}' has no train split; found: {', '.join(name for name in rows if rows[name])}")
    texts: dict[str, list[str]] = {}
    names: dict[str, list[str]] = {}
    for split in [split for split in SPLITS if rows.get(split)]:
        where = f"data '{source}', split {split}"
        text, label = (
            _column(rows[split], text_column, TEXT_COLUMNS, "text", where),
            _column(rows[split], label_column, LABEL_COLUMNS, "label", where),
        )
        texts[split] = [_text(row.get(text), f"{where}, row {number}: {text}") for number, row in enumerate(rows[split], 1)]
        names[split] = [_text(row.get(label), f"{where}, row {number}: {label}") for number, row in enumerate(rows[split], 1)]
    labels = tuple(sorted({name for split in names.values() for name in split}))
    if len(labels) < 2:
        raise ValueError(f"data '{source}' has one class only ('{labels[0]}'); a classifier needs two or more")
    index = {label: number for number, label in enumerate(labels)}
    splits = {name: Split(tuple(texts[name]), tuple(index[label] for label in names[name])) for name in texts}
    if "validation" not in splits:
        splits["train"], splits["validation"] = _cut_validation(splits["train"], seed)
        notes.append(f"no validation split: {len(splits['validation'])} rows were cut from train, stratified by label, seed {seed}")
    if "test" not in splits:
        notes.append("no test split: nothing is compared with published test scores")
    notes += _findings(splits, labels)
    return Corpus(source, splits["train"], splits["validation"], splits.get("test"), labels, tuple(notes))


def _rows(source: str) -> tuple[dict[str, list[Row]], list[str]]:
    """Rows by split, as dictionaries, from any SOURCE; and notes."""
    if source == "embedded":
        return _folder(EMBEDDED), []
    if source.startswith("hub:"):
        repository, _, config = source.removeprefix("hub:").partition(":")
        return _hub(source, repository, config or None)
    path = Path(source).expanduser()
    if _exists(path):
        return (_folder(path) if path.is_dir() else _by_partition(_file(path))), []
    name, _, locale = source.partition(":")
    if name == "massive":
        return _hub(source, MASSIVE_HUB, massive_config(locale or "en"))
    raise ValueError(
        f"unknown data '{source}': no such file or folder; choose massive[:LOCALE], embedded, hub:OWNER/NAME[:CONFIG], "
        f"or a path to {', '.join(FORMATS)}"
    )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that no file system takes
        return False


def massive_config(locale: str) -> str:
    """The hub's name for a locale: the language alone, but for Chinese (`de-DE` is `de`, `zh-TW` stays)."""
    return locale if locale.startswith("zh") else locale.partition("-")[0]


def _hub(source: str, repository: str, config: str | None) -> tuple[dict[str, list[Row]], list[str]]:
    hub.reachable()
    import datasets

    datasets.disable_progress_bars()
    try:
        found = datasets.load_dataset(repository, config)
    except Exception as error:  # datasets raises a dozen types for: not there, not reachable, no such config
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise ValueError(f"data '{source}' is neither on the hub nor in its cache: {reason}") from error
    rows: dict[str, list[Row]] = {}
    for name, split in found.items():
        numbered: dict[str, dict[int, str]] = {}
        for column, feature in split.features.items():
            if isinstance(feature, datasets.ClassLabel):
                numbered[column] = dict(enumerate(feature.names))
        rows.setdefault(SPLIT_NAMES.get(str(name).lower(), str(name)), []).extend(
            {key: numbered[key].get(value) if key in numbered else value for key, value in row.items()} for row in split.to_list()
        )
    return rows, []


def _folder(folder: Path) -> dict[str, list[Row]]:
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        split = SPLIT_NAMES.get(path.stem.lower())
        if path.suffix.lower() in FORMATS and split:
            if split in files:
                raise ValueError(f"folder '{folder}' has two files for {split}: {files[split].name} and {path.name}")
            files[split] = path
    if not files:
        raise ValueError(f"folder '{folder}' has no train file; it needs train.jsonl, train.csv or train.parquet")
    return {split: _file(path) for split, path in files.items()}


def _by_partition(rows: list[Row]) -> dict[str, list[Row]]:
    """Rows of one file, by the split that a column names; all of them train where there is none."""
    column = next((column for column in SPLIT_COLUMNS if rows and column in rows[0]), None)
    if column is None:
        return {"train": rows}
    parts: dict[str, list[Row]] = {}
    for row in rows:
        name = str(row.get(column)).lower()
        if name not in SPLIT_NAMES:
            raise ValueError(f"column '{column}' names an unknown split '{name}'; choose one of: {', '.join(SPLIT_NAMES)}")
        parts.setdefault(SPLIT_NAMES[name], []).append(row)
    return parts


def _file(path: Path) -> list[Row]:
    """Rows of a .jsonl, .csv or .parquet file. Values of CSV stay text: a label `01` is not the number 1."""
    try:
        if path.suffix.lower() == ".parquet":
            import pandas

            return [{str(key): value for key, value in row.items()} for row in pandas.read_parquet(path).to_dict("records")]
        content = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"'{path}' is not UTF-8: byte {error.object[error.start]:#04x} at {error.start}") from error
    except Exception as error:  # pyarrow raises its own types for a damaged file
        raise ValueError(f"'{path}' cannot be read: {str(error).splitlines()[0]}") from error
    if path.suffix.lower() == ".csv":
        return _csv(path, content)
    if path.suffix.lower() == ".jsonl":
        return [_json_row(path, number, line) for number, line in enumerate(content.split("\n"), 1) if line.strip()]
    raise ValueError(f"'{path}' has an unknown format; choose one of: {', '.join(FORMATS)}")


def _csv(path: Path, content: str) -> list[Row]:
    csv.field_size_limit(10**9)
    reader = csv.reader(io.StringIO(content, newline=""), strict=True)
    try:
        header = next(reader, [])
        rows = [(reader.line_num, cells) for cells in reader if cells]
    except csv.Error as error:
        raise ValueError(f"'{path}' line {reader.line_num} is not CSV: {error}") from error
    for line, cells in rows:
        if len(cells) != len(header):
            raise ValueError(f"'{path}' line {line} has {len(cells)} columns where the header has {len(header)}")
    return [dict(zip(header, cells)) for _, cells in rows]


def _json_row(path: Path, number: int, line: str) -> Row:
    try:
        row = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"'{path}' line {number} is not JSON: {error}") from error
    if not isinstance(row, dict):
        raise ValueError(f"'{path}' line {number} is not a JSON object but a {type(row).__name__}")
    return row


def _column(rows: list[Row], named: str | None, usual: Iterable[str], what: str, where: str) -> str:
    columns = list(rows[0])
    if named is not None:
        if named not in columns:
            raise ValueError(f"{where}: no {what} column '{named}'; its columns are: {', '.join(columns)}")
        return named
    found = next((column for column in usual if column in columns), None)
    if found is None:
        raise ValueError(f"{where}: no {what} column found by name; name one of {', '.join(columns)} with --{what}-column")
    return found


def _text(value: Any, where: str) -> str:
    """A cell as text. Numbers and truth values are taken as labels are often written; nothing, NaN or blanks are an error."""
    text = "" if value is None or (isinstance(value, float) and np.isnan(value)) else str(value)
    if isinstance(value, bytes | list | dict | np.ndarray):
        raise ValueError(f"{where} is not text but a {type(value).__name__}")
    if not text.strip():
        raise ValueError(f"{where} is empty")
    return text.encode("utf-8", "replace").decode()  # a lone surrogate from JSON's escapes would break tokenizers


def _cut_validation(train: Split, seed: int) -> tuple[Split, Split]:
    """Train and validation out of train: `VALIDATION_SHARE` of each label, at least one row of each that has two or more."""
    labels = np.asarray(train.labels)
    random = np.random.default_rng(seed)
    chosen: list[int] = []
    for label in np.unique(labels):
        rows = random.permutation(np.flatnonzero(labels == label))
        chosen += rows[: max(1, round(VALIDATION_SHARE * len(rows))) if len(rows) > 1 else 0].tolist()
    if not chosen:
        raise ValueError("no validation split, and none can be cut from train: each label has one row only")
    taken = set(chosen)
    kept = [row for row in range(len(train)) if row not in taken]
    return _take(train, kept), _take(train, sorted(chosen))


def _take(split: Split, rows: list[int]) -> Split:
    return Split(tuple(split.texts[row] for row in rows), tuple(split.labels[row] for row in rows))


def _findings(splits: dict[str, Split], labels: tuple[str, ...]) -> list[str]:
    """What a user should know of the data, none of it fatal."""
    notes = []
    texts = {name: Counter(_normalised(text) for text in split.texts) for name, split in splits.items()}
    for one, other in (("train", "test"), ("train", "validation"), ("validation", "test")):
        if one in texts and other in texts:
            shared = sum(count for text, count in texts[other].items() if text in texts[one])
            if shared:
                notes.append(f"{shared} of {len(splits[other])} {other} rows stand in {one} too; scores on those rows say little")
    untrained = [labels[label] for label in sorted(set(range(len(labels))) - set(splits["train"].labels))]
    if untrained:
        notes.append(f"{len(untrained)} of {len(labels)} labels have no training row: {', '.join(untrained[:5])}")
    return notes


def _normalised(text: str) -> str:
    return " ".join(text.lower().split())
