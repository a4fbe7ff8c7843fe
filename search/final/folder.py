"""The model's folder: written completely or not at all, and never over somebody else's files."""

import json
import os
import tempfile
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any

from analysis.atomic import write
from analysis.command import user_path
from search.final.model_card import model_card
from search.final.record import SCORES
from trainables.parts.model.model_folder import WEIGHTS
from trainables.parts.model.onnx_model import ONNX_FILES
from trainables.parts.model.text_classifier import TextClassifier
from trainables.parts.quote import quoted

CARD = "README.md"
RECORD_TYPES = {"curves": dict, "summary": dict, "best_seed": int, "configuration": dict}
"""Some of the entries by which a `scores.json` is recognised as ours."""
FILES = {
    SCORES,
    CARD,
    WEIGHTS,
    "config.json",
    "vocabulary.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "spm.model",
    "sentencepiece.bpe.model",
    "chat_template.jinja",
    *ONNX_FILES.values(),
}
"""Files of a model's folder. The `scores.json` of an earlier version does not list them."""


def check_out(out: Path) -> None:
    """Raise ValueError where a model's folder cannot be written to `out`, before any training."""
    where = f"--out {quoted(str(out))}"
    if out.name in ("", ".."):
        raise ValueError(f"{where} has no name of its own; choose a folder with one")
    parent = next(parent for parent in out.absolute().parents if parent.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise ValueError(f"{where}: its parent folder cannot be written")
    with user_path(out):
        why = why_not_ours(out)
    if why:
        raise ValueError(
            f"{where} exists and is not a model folder of search.train ({why}); choose another"
        )


def why_not_ours(out: Path) -> str | None:
    """Why `out` must not be replaced; None where `search.train` wrote all that is in it."""
    if not out.exists():
        return None
    if not out.is_dir():
        return "it is a file"
    paths = sorted(out.rglob("*"))
    if not paths:
        return None
    try:
        record = json.loads((out / SCORES).read_text(encoding="utf-8"))
        ours = all(isinstance(record[name], kind) for name, kind in RECORD_TYPES.items())
        files = {*FILES, *map(str, record.get("files", []))}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        ours = False
    if not ours:
        return f"its {SCORES} is missing or not from search.train"
    folders = {str(folder) for file in files for folder in PurePosixPath(file).parents}
    others = (
        name
        for path in paths
        if (name := path.relative_to(out).as_posix()) not in (folders if path.is_dir() else files)
    )
    other = next(others, None)
    return f"search.train did not write {quoted(other)} in it" if other else None


def write_folder(
    out: Path, classifier: TextClassifier, tokenizer: Any, record: dict[str, Any]
) -> Path:
    """Write the folder beside its place, then rename it; returns where it is.

    That is a new name beside `out` where somebody else has put something there meanwhile.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as scratch:
        beside = Path(scratch) / "model"
        classifier.save(beside, tokenizer)
        write(beside / CARD, model_card(record, classifier))
        paths = (path for path in beside.rglob("*") if path.is_file())
        files = sorted({SCORES, *(path.relative_to(beside).as_posix() for path in paths)})
        write(beside / SCORES, json.dumps(record | {"files": files}, indent=2) + "\n")
        if why_not_ours(out):
            names = (out.with_name(f"{out.name}-{number}") for number in count(2))
            out = next(name for name in names if not name.exists())
        if out.exists():
            out.rename(Path(scratch) / "old")
        beside.rename(out)
    return out
