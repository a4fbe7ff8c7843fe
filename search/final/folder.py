"""The model's folder: written completely or not at all, and never over somebody else's files."""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any

from analysis.atomic import write
from analysis.command import user_path
from search.final.model_card import model_card
from search.final.record import (
    DIGESTS,
    RECIPE,
    SCORES,
    file_digest,
    recipe_digest,
    record_digest,
    write_record,
)
from search.lock import locked
from search.outputs.replaceable import same_id
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
"""Files of a model's folder. The `scores.json` of the first versions does not list them."""


def check_out(out: Path, recipe: Mapping[str, Any], *, overwrite: bool = False) -> None:
    """Raise ValueError where a recipe's model cannot be written to `out`, before any training.

    `overwrite`: the model of another recipe may be replaced.
    """
    where = f"--out {quoted(str(out))}"
    if out.name in ("", ".."):
        raise ValueError(f"{where} has no name of its own; choose a folder with one")
    parent = next(parent for parent in out.absolute().parents if parent.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise ValueError(f"{where}: its parent folder cannot be written")
    with user_path(out):
        why = why_not_ours(out)
        if out.is_symlink() and not out.exists():
            why = "it is a broken symlink"
    if why:
        raise ValueError(
            f"{where} exists and is not a model folder of search.train ({why}); choose another"
        )
    digest, search = recipe_digest(recipe), recipe.get("search_id")
    other = None if overwrite else why_not_the_same(out, digest, search)
    if other:
        raise ValueError(f"{where} holds {other}; choose another, or replace it with --overwrite")


@contextlib.contextmanager
def reserved(out: Path) -> Iterator[None]:
    """In the block no other training writes to `out`, of this user, on this machine, and with the
    same folder for temporary files: the lock is there, so that a training that fails leaves nothing
    beside `out`.

    Raises ValueError where one does.
    """
    digest = hashlib.sha256(str(out.resolve()).encode()).hexdigest()[:32]
    path = Path(tempfile.gettempdir()) / f".regimen-out-{os.getuid()}-{digest}.lock"
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locked(path, wait=False))
        except BlockingIOError:
            raise ValueError(
                f"--out {quoted(str(out))}: another search.train is writing there; wait for it, or"
                " choose another"
            ) from None
        yield


def why_not_ours(out: Path) -> str | None:
    """Why `out` must not be replaced; None where all that is in it is as `search.train` wrote it.

    Of an earlier version's folder, only the names of the files are known.
    """
    if not out.exists():
        return None
    if not out.is_dir():
        return "it is a file"
    paths = sorted(out.rglob("*"))
    if not paths:
        return None
    try:
        record = json.loads((out / SCORES).read_text(encoding="utf-8"))
        valid = all(isinstance(record[name], kind) for name, kind in RECORD_TYPES.items())
        digests = dict(record.get(DIGESTS, {}))
        files = {*FILES, *map(str, record.get("files", []))}
        if digests:
            files = {*digests, *ONNX_FILES.values()}  # which arrive before their digests
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        valid = False
    if not valid:
        return f"its {SCORES} is missing or not from search.train"
    folders = {str(folder) for file in files for folder in PurePosixPath(file).parents}
    for path in paths:
        name = path.relative_to(out).as_posix()
        if name not in (folders if path.is_dir() else files):
            return f"search.train did not write {quoted(name)} in it"
        if name in digests:
            now = record_digest(record) if name == SCORES else file_digest(path)
            if now != digests[name]:
                return f"{quoted(name)} in it has changed since"
    return None


def why_not_the_same(out: Path, recipe: str, search_id: str | None) -> str | None:
    """What a folder of ours holds, where that is no model of the recipe with this digest, from this
    search."""
    try:
        record = json.loads((out / SCORES).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    if DIGESTS not in record:
        return "a model of an earlier version, and whether it was edited is not known"
    trained = record["configuration"]
    same_search = same_id(trained.get("search_id"), search_id)
    if record.get(RECIPE) == recipe and same_search:
        return None
    trial, search = trained.get("trial"), quoted(str(trained.get("search")))
    model = trained.get("regime") if trial is None else f"trial {trial}"
    other = "recipe" if same_search else "search"
    return f"the model of another {other} ({model} of {search})"


def write_folder(
    out: Path,
    classifier: TextClassifier,
    tokenizer: Any,
    record: dict[str, Any],
    *,
    overwrite: bool = False,
) -> Path:
    """Write the folder beside its place, then rename it; returns where it is.

    That is a new name beside `out` where something has been put or changed there meanwhile, and
    where a link leads if `out` is one.
    """
    out = out.resolve() if out.is_symlink() else out
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as scratch:
        beside = Path(scratch) / "model"
        classifier.save(beside, tokenizer)
        write(beside / CARD, model_card(record, classifier))
        write_record(beside, record)
        search = record["configuration"].get("search_id")
        same = overwrite or why_not_the_same(out, record[RECIPE], search) is None
        if why_not_ours(out) or not same:
            out = _free_name(out)
        if out.exists():
            out.rename(Path(scratch) / "old")
        try:
            beside.rename(out)
        except OSError:  # Another training has just put its model there.
            out = _free_name(out)
            beside.rename(out)
    return out


def _free_name(out: Path) -> Path:
    names = (out.with_name(f"{out.name}-{number}") for number in count(2))
    return next(name for name in names if not os.path.lexists(name))
