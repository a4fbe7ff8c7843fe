"""From a search's folder to what is published of it."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas

from analysis.published.record import Published, RightSentences
from analysis.read.correct import to_hex
from analysis.read.folder import CONFIG_PREFIX, Search
from analysis.read.summary import Summary

WRITTEN_APART = frozenset(
    ("regime", "data", "model", "confirm_top", "confirm_seeds", "fix", "warm_start")
)
"""Fields of spec.json with words of their own in a command, and one that is empty where a search is
published."""
LEFT_OUT = frozenset(
    (
        "name",
        "results",
        "tracking_uri",
        "address",
        "runtime_env",
        "gpus_per_trial",
        "accelerator_type",
        "trial_timeout",
        "stop_within",
        "max_tokens",
    )
)
"""Fields that the numbers of a search do not depend on, and one without a flag. Every other field
is written, whatever its value: a default may be another one day."""
PATH = re.compile(r"(?:^|[\s'\"=(])(?:~|[A-Za-z]:\\|\.{0,2}/)[\w.~/\\]")
"""A path of a machine, inside a text."""
HUB = "hub:"
LEAST_REPORT_RUNS = 4
"""Of a search that finds out how many it needs."""


def publish(search: Search) -> Published:
    """What is published of a finished search.

    Raises ValueError where it has no result yet, or a text in it names a path.
    """
    summary = search.summary
    if not search.finished or summary.winner is None:
        raise ValueError(f"'{search.folder}' has no result yet: finish the search first")
    if not search.spec.get("confirm_top", 3):
        raise ValueError(f"'{search.folder}' has no report runs: run it without --no-confirm")
    missing = (search.spec["report_seeds"] or LEAST_REPORT_RUNS) - len(summary.confirmed_accuracy)
    if missing > summary.confirmed_failed:
        raise ValueError(
            f"'{search.folder}' lacks {missing} report runs; finish it with --resume {summary.name}"
        )
    if search.spec.get("warm_start"):
        raise ValueError(
            f"'{search.folder}' was warm-started from another search and cannot be reproduced by"
            " one command; search with --cold"
        )
    trial = search.trials.set_index("number").loc[summary.winner]
    published = Published(
        command=command(search.spec),
        date=_date(search.epochs),
        shots=search.spec.get("shots"),
        configuration={
            name.removeprefix(CONFIG_PREFIX): "" if pandas.isna(trial[name]) else str(trial[name])
            for name in search.trials.columns
            if name.startswith(CONFIG_PREFIX)
        },
        searched=tuple(_text(trial.get("suggested")).split()),
        summary=_without_folders(summary, search.spec),
        correct=tuple(_right_sentences(search)),
    )
    for text in _texts(asdict(published)):
        if PATH.search(text):
            raise ValueError(f"'{search.folder}' cannot be published: '{text:.80}' names a path")
    return published


def _right_sentences(search: Search) -> Iterator[RightSentences]:
    """Of the report runs and the best floor, which are compared with other searches."""
    summary = search.summary
    wanted = {("report", summary.winner_trial)}
    if summary.best_floor is not None:
        wanted.add((summary.best_floor.regime, 0))
    for (kind, trial, seed, split), bits in sorted(search.correct.runs.items()):
        if (kind, trial) in wanted:
            yield RightSentences(kind, trial, seed, split, len(bits), to_hex(bits))


def command(spec: Mapping[str, Any]) -> str:
    """The command that repeats a search, with data and model named without their folders."""
    words = ["python", "-m", "search.run", "--regime", str(spec["regime"])]
    words += ["--data", _data(str(spec["data"])), "--model", _model(str(spec["model"]))]
    skipped = WRITTEN_APART | LEFT_OUT | (set() if spec.get("shots") else {"shots_seed"})
    words += [word for name in spec if name not in skipped for word in _flag(name, spec[name])]
    top, seeds = spec.get("confirm_top", 3), spec.get("confirm_seeds")
    words += ["--confirm", f"{top}x{seeds}" if seeds else "auto"]
    if fixed := spec.get("fix"):
        words += ["--fix", *(f"{name}={_value(value)}" for name, value in fixed.items())]
    return shlex.join(words)


def _flag(name: str, value: object) -> list[str]:
    """A field's flag as words; none where the field is None."""
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{flag}" if value else f"--no-{flag}"]
    return [] if value is None else [f"--{flag}", _value(value)]


def _value(value: object) -> str:
    """As a flag takes it: whole numbers without a point, None as none."""
    if value is None:
        return "none"
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _data(source: str) -> str:
    """A data set's name; of a folder or a file the last part."""
    return source if source.startswith(HUB) else source.rstrip("/").rpartition("/")[2]


def _model(source: str) -> str:
    """An encoder's name; of a folder the last part. `OWNER/NAME` is a name on the hub."""
    starts = source.startswith((".", "~", "/"))
    is_path = starts or source.count("/") > 1 or Path(source).is_dir()
    return source.rstrip("/").rpartition("/")[2] if is_path else source


def _without_folders(summary: Summary, spec: Mapping[str, Any]) -> Summary:
    source = str(spec["data"])
    return replace(
        summary,
        data=summary.data.replace(source, _data(source), 1),
        model=_model(summary.model),
    )


def _date(epochs: pandas.DataFrame) -> str:
    if "ended" not in epochs:
        return ""
    last = pandas.to_numeric(epochs["ended"], errors="coerce").max()
    return "" if pandas.isna(last) else f"{datetime.fromtimestamp(last, UTC):%Y-%m-%d}"


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(content: object) -> Iterator[str]:
    """All texts in a record, names of fields included."""
    yield from re.findall(r'"((?:[^"\\]|\\.)*)"', json.dumps(content, ensure_ascii=False))
