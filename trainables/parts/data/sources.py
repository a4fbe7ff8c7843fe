"""Rows of labelled texts from a SOURCE: the hub, a folder, a file, or the embedded corpus.

A SOURCE is one of

- `massive[:LOCALE]`: MASSIVE from the hub (`mteb/amazon_massive_intent`), by default in English;
- `embedded`: the corpus that comes with Regimen, 60 intents of 40 utterances;
- `hub:OWNER/NAME[:CONFIG]`: any data set on the hub, or in its cache;
- a folder with a train file and optional validation and test files, each .jsonl, .csv, .tsv or
  .parquet;
- one such file, with a column `partition` or `split` that names the split of each row, such as
  MASSIVE's own `en-US.jsonl`.
"""

import re
from pathlib import Path

from trainables.parts.data import hub
from trainables.parts.data.files import FORMATS, Row, read_rows
from trainables.parts.quote import error_text, quoted

EMBEDDED = Path(__file__).parent / "massive_mini"
MASSIVE_HUB = "mteb/amazon_massive_intent"
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "devel": "validation",
    "test": "test",
    "testing": "test",
}
"""The names of splits in the wild, and ours."""
SPLIT_COLUMNS = ("partition", "split")
REPOSITORY = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)


def rows(source: str) -> dict[str, list[Row]]:
    """Read the rows of a SOURCE by split.

    Raises ValueError with one line for a SOURCE that cannot be read.
    """
    if source == "embedded":
        return _folder(EMBEDDED)
    if source.startswith("hub:"):
        repository, _, config = source.removeprefix("hub:").partition(":")
        if not REPOSITORY.fullmatch(repository):
            raise ValueError(f"data {quoted(source)} is not hub:OWNER/NAME[:CONFIG]")
        return _hub(source, repository, config or None)
    if path := _existing(source):
        return _folder(path) if path.is_dir() else _by_partition(read_rows(path))
    name, _, locale = source.partition(":")
    if name == "massive":
        return _hub(source, MASSIVE_HUB, massive_config(locale or "en"))
    raise ValueError(
        f"unknown data {quoted(source)}: no such file or folder; choose massive[:LOCALE], embedded,"
        f" hub:OWNER/NAME[:CONFIG], or a path to {', '.join(FORMATS)}"
    )


def is_remote(source: str) -> bool:
    """Whether a SOURCE is on the hub, so that reading it takes a large import and a network."""
    if source.startswith("hub:"):
        return True
    return source.partition(":")[0] == "massive" and _existing(source) is None


def massive_config(locale: str) -> str:
    """The hub's configuration name for a locale: `de` for `de-DE`, but `zh-TW` for `zh-TW`."""
    return locale if locale.startswith("zh") else locale.partition("-")[0]


def _existing(source: str) -> Path | None:
    """The file or folder of that name, if there is one."""
    try:
        path = Path(source).expanduser()
        return path if source and path.exists() else None
    except (OSError, RuntimeError):  # not a valid file name, or the home of an unknown user
        return None


def _hub(source: str, repository: str, config: str | None) -> dict[str, list[Row]]:
    hub.reachable()
    import datasets

    datasets.disable_progress_bars()
    try:
        splits = datasets.load_dataset(repository, config)
    except Exception as error:
        # datasets raises a dozen types if the data or the hub is missing
        raise ValueError(
            f"data {quoted(source)} is neither on the hub nor in its cache: {error_text(error)}"
        ) from error
    rows: dict[str, list[Row]] = {}
    for name, split in splits.items():
        label_names = {
            column: dict(enumerate(feature.names))
            for column, feature in split.features.items()
            if isinstance(feature, datasets.ClassLabel)
        }
        rows.setdefault(SPLIT_NAMES.get(str(name).lower(), str(name)), []).extend(
            {
                column: label_names[column].get(value) if column in label_names else value
                for column, value in row.items()
            }
            for row in split.to_list()
        )
    return rows


def _folder(folder: Path) -> dict[str, list[Row]]:
    where = f"folder {quoted(str(folder))}"
    files: dict[str, Path] = {}
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise ValueError(f"{where} cannot be read: {error_text(error)}") from error
    for path in paths:
        split = SPLIT_NAMES.get(path.stem.lower())
        if path.suffix.lower() in FORMATS and split:
            if split in files:
                raise ValueError(
                    f"{where} has two files for {split}: {files[split].name} and {path.name}"
                )
            files[split] = path
    if not files:
        names = " or ".join(f"train{ending}" for ending in FORMATS)
        raise ValueError(f"{where} has no train file; it needs {names}")
    return {split: read_rows(path) for split, path in files.items()}


def _by_partition(rows: list[Row]) -> dict[str, list[Row]]:
    """The rows of one file by the split that a column names; without one, all are train."""
    column = next((column for column in SPLIT_COLUMNS if rows and column in rows[0]), None)
    if column is None:
        return {"train": rows}
    splits: dict[str, list[Row]] = {}
    for row in rows:
        name = str(row.get(column)).lower()
        if name not in SPLIT_NAMES:
            raise ValueError(
                f"column '{column}' names an unknown split {quoted(name)}; choose one of:"
                f" {', '.join(SPLIT_NAMES)}"
            )
        splits.setdefault(SPLIT_NAMES[name], []).append(row)
    return splits
