"""Which file an export may replace: an earlier export of the same search, as it was written."""

from pathlib import Path
from typing import Any

import yaml

import trainables
from analysis.command import user_path
from search.outputs.recipe import REQUIRED, read_recipes, recipe_again
from trainables.parts.quote import quoted

COMPARED = (*REQUIRED, "epoch_size", "seed", "metric")
"""The entries of a recipe that say what is trained."""


def check_out(out: Path, text: str, folder: Path, *, overwrite: bool = False) -> None:
    """Raise ValueError where `text`, an export of the search in `folder`, must not replace what is
    at `out`.

    It may replace an empty file and an earlier export of the same search; with `overwrite`, one
    that was edited since and that of another search too.
    """
    where = f"--out {quoted(str(out))}"
    with user_path(out):
        if out.is_dir() or not out.exists():
            return
        is_file = out.is_file()
        if is_file and not out.stat().st_size:
            return
    try:
        if not is_file:
            raise ValueError("it is a device")
        earlier = read_recipes(out)
    except ValueError as error:
        raise ValueError(
            f"{where} exists and is not a file that search.export wrote; choose another"
        ) from error
    if not overwrite and not _same_search(earlier[0], next(yaml.safe_load_all(text))):
        search = quoted(str(earlier[0].get("search")))
        raise ValueError(
            f"{where} holds the export of another search ({search}); choose another, or replace it"
            " with --overwrite"
        )
    if not overwrite and not all(_as_exported(recipe, folder) for recipe in earlier):
        raise ValueError(
            f"{where} is an export that was edited since; choose another, or replace it with"
            " --overwrite"
        )


def same_id(one: str | None, other: str | None) -> bool:
    """Whether two recipes may be of one search, by its identity; earlier versions wrote none."""
    return None in (one, other) or one == other


def _same_search(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return same_id(one.get("search_id"), other.get("search_id")) and _about(one) == _about(other)


def _about(recipe: dict[str, Any]) -> tuple[Any, ...]:
    """What tells searches apart where their identity is not known."""
    prints = (recipe[part].get("fingerprint") for part in ("data", "model"))
    return recipe.get("search"), recipe.get("seed"), recipe["metric"], *prints


def _as_exported(recipe: dict[str, Any], folder: Path) -> bool:
    """Whether a recipe still says what was exported; earlier versions wrote fewer entries."""
    ours = recipe_again(folder, recipe)
    if ours is None:
        return False
    of = trainables.load(recipe["regime"]).Config.from_dict
    if of(recipe["config"]) != of(ours["config"]):
        return False
    return all(_within(recipe.get(name), ours[name]) for name in COMPARED if name != "config")


def _within(part: Any, whole: Any) -> bool:
    """Whether all that is written is the same."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(value == whole.get(name) for name, value in part.items())
    return part is None or part == whole
