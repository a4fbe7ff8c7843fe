"""Rows of labelled texts from a SOURCE: the hub, a folder, a file, or what comes with Regimen.

A SOURCE is one of

- `massive[:LOCALE]`: MASSIVE from the hub (`mteb/amazon_massive_intent`), by default in English;
- `embedded`: the corpus that comes with Regimen, 60 intents of 40 utterances;
- `hub:OWNER/NAME[:CONFIG]`: any data set on the hub, or in its cache;
- a folder with train, and if there are any validation and test, as .jsonl, .csv or .parquet;
- one such file, with a column `partition` or `split` that names the split of each row, such as
  MASSIVE's own `en-US.jsonl`.
"""

import csv
import io
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from trainables.parts.data import hub
from trainables.parts.quote import listed, quoted, reason

EMBEDDED = Path(__file__).parent / "massive_mini"
MASSIVE_HUB = "mteb/amazon_massive_intent"
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
}
SPLIT_NAMES |= {"dev": "validation", "devel": "validation", "test": "test", "testing": "test"}
SPLIT_COLUMNS = ("partition", "split")
FORMATS = (".jsonl", ".csv", ".parquet")
REPOSITORY = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)

Row = dict[str, Any]


def rows(source: str) -> dict[str, list[Row]]:
    """Rows by split, as dictionaries, from any SOURCE.

    Raises ValueError with one line for what cannot be read.
    """
    if source == "embedded":
        return _folder(EMBEDDED)
    if source.startswith("hub:"):
        repository, _, config = source.removeprefix("hub:").partition(":")
        if not REPOSITORY.fullmatch(repository):
            raise ValueError(f"data {quoted(source)} is not hub:OWNER/NAME[:CONFIG]")
        return _hub(source, repository, config or None)
    if path := _existing(source):
        return _folder(path) if path.is_dir() else _by_partition(_file(path))
    name, _, locale = source.partition(":")
    if name == "massive":
        return _hub(source, MASSIVE_HUB, massive_config(locale or "en"))
    raise ValueError(
        f"unknown data {quoted(source)}: no such file or folder; choose massive[:LOCALE], embedded,"
        f" hub:OWNER/NAME[:CONFIG], or a path to {', '.join(FORMATS)}"
    )


def _existing(source: str) -> Path | None:
    """The file or folder of that name, if there is one."""
    try:
        path = Path(source).expanduser()
        return path if source and path.exists() else None
    except (OSError, RuntimeError):  # a name that no file system takes, or the home of nobody
        return None


def massive_config(locale: str) -> str:
    """The hub's name for a locale: the language alone, but for Chinese (`de-DE` is `de`, `zh-TW`
    stays)."""
    return locale if locale.startswith("zh") else locale.partition("-")[0]


def _hub(source: str, repository: str, config: str | None) -> dict[str, list[Row]]:
    hub.reachable()
    import datasets

    datasets.disable_progress_bars()
    try:
        found = datasets.load_dataset(repository, config)
    except (
        Exception
    ) as error:  # datasets raises a dozen types for: not there, not reachable, no such config
        raise ValueError(
            f"data {quoted(source)} is neither on the hub nor in its cache: {reason(error)}"
        ) from error
    rows: dict[str, list[Row]] = {}
    for name, split in found.items():
        numbered: dict[str, dict[int, str]] = {}
        for column, feature in split.features.items():
            if isinstance(feature, datasets.ClassLabel):
                numbered[column] = dict(enumerate(feature.names))
        rows.setdefault(SPLIT_NAMES.get(str(name).lower(), str(name)), []).extend(
            {
                key: numbered[key].get(value) if key in numbered else value
                for key, value in row.items()
            }
            for row in split.to_list()
        )
    return rows


def _folder(folder: Path) -> dict[str, list[Row]]:
    files: dict[str, Path] = {}
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise ValueError(f"folder {quoted(str(folder))} cannot be read: {reason(error)}") from error
    for path in paths:
        split = SPLIT_NAMES.get(path.stem.lower())
        if path.suffix.lower() in FORMATS and split:
            if split in files:
                raise ValueError(
                    f"folder {quoted(str(folder))} has two files for {split}: {files[split].name}"
                    f" and {path.name}"
                )
            files[split] = path
    if not files:
        raise ValueError(
            f"folder {quoted(str(folder))} has no train file; it needs train.jsonl, train.csv or"
            " train.parquet"
        )
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
            raise ValueError(
                f"column '{column}' names an unknown split {quoted(name)}; choose one of:"
                f" {', '.join(SPLIT_NAMES)}"
            )
        parts.setdefault(SPLIT_NAMES[name], []).append(row)
    return parts


def _file(path: Path) -> list[Row]:
    """Rows of a .jsonl, .csv or .parquet file.

    Values of CSV stay text: a label `01` is not the number 1.
    """
    where, ending = quoted(str(path)), path.suffix.lower()
    if ending not in FORMATS:
        raise ValueError(f"{where} has an unknown format; choose one of: {', '.join(FORMATS)}")
    if not path.is_file():  # a pipe or a device may never end
        raise ValueError(f"{where} is not a file")
    if ending == ".parquet":
        return _parquet(path, where)
    try:
        content = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{where} is not UTF-8: byte {error.object[error.start]:#04x} at {error.start}"
        ) from error
    except OSError as error:
        raise ValueError(f"{where} cannot be read: {reason(error)}") from error
    if ending == ".csv":
        return _csv(content, where)
    return [
        _json_row(line, f"{where} line {number}")
        for number, line in enumerate(content.split("\n"), 1)
        if line.strip()
    ]


def _parquet(path: Path, where: str) -> list[Row]:
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            table = file.read()
        rows: list[Row] = table.to_pylist()
    except Exception as error:
        # pyarrow raises its own types for a damaged file, and Python's for values that Python
        # cannot hold
        raise ValueError(f"{where} cannot be read: {reason(error)}") from error
    _require_distinct(table.column_names, where)
    return rows


def _csv(content: str, where: str) -> list[Row]:
    csv.field_size_limit(10**9)
    reader = csv.reader(io.StringIO(content, newline=""), strict=True)
    try:
        header = next(reader, [])
        rows = [(reader.line_num, cells) for cells in reader if cells]
    except csv.Error as error:
        raise ValueError(f"{where} line {reader.line_num} is not CSV: {reason(error)}") from error
    _require_distinct(header, where)
    for line, cells in rows:
        if len(cells) != len(header):
            raise ValueError(
                f"{where} line {line} has {len(cells)} columns where the header has {len(header)}"
            )
    return [dict(zip(header, cells)) for _, cells in rows]


def _json_row(line: str, where: str) -> Row:
    try:
        row = json.loads(line, object_pairs_hook=_object)
    except (
        ValueError,
        RecursionError,
    ) as error:  # besides what is no JSON: a number of too many digits
        raise ValueError(f"{where} is not JSON: {reason(error)}") from error
    if not isinstance(row, dict):
        raise ValueError(f"{where} is not a JSON object but a {type(row).__name__}")
    return row


def _object(pairs: list[tuple[str, Any]]) -> Row:
    _require_distinct([name for name, _ in pairs])
    return dict(pairs)


def _require_distinct(columns: list[str], where: str = "it") -> None:
    if len(set(columns)) < len(columns):
        twice = [column for column, count in Counter(columns).items() if count > 1]
        raise ValueError(f"{where} has two columns of one name: {listed(twice)}")
