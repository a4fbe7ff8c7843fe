"""Only an unchanged model folder of search.train is replaced, and only by its own recipe."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from search.final.folder import check_out
from search.final.record import SCORES, recipe_digest, write_record

RECIPE = {"search": "s", "trial": 3, "regime": "llrd", "config": {"dropout": 0.1}}


NAMES = ("config.json", "model.safetensors", "README.md", "tokenizer.json")
VALUES = {"curves": {}, "summary": {}, "best_seed": 1000, "configuration": RECIPE}


def record(folder: Path, *more: str, **recipe: str) -> Path:
    """A model's folder as a training left it."""
    for path in map(folder.joinpath, (*NAMES, *more)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    configuration = {"configuration": RECIPE | recipe}
    write_record(folder, VALUES | configuration | {"recipe": recipe_digest(RECIPE)})
    return folder


def early_record(folder: Path, **changes: Any) -> Path:
    """One of an earlier version, which has no digests of its files."""
    folder.mkdir(parents=True)
    for name in NAMES:
        (folder / name).write_text("{}")
    (folder / SCORES).write_text(json.dumps(VALUES | changes))
    return folder


def test_only_a_folder_that_search_train_wrote_is_replaced(tmp_path: Path) -> None:
    check_out(tmp_path / "new", RECIPE)
    check_out(record(tmp_path / "model"), RECIPE)
    check_out(record(tmp_path / "odd", "odd.model"), RECIPE)
    check_out(record(tmp_path / "deeper", "1_Pooling/config.json"), RECIPE)
    fewer = record(tmp_path / "fewer")
    (fewer / "tokenizer.json").unlink()
    check_out(fewer, RECIPE)
    (tmp_path / "empty").mkdir()
    check_out(tmp_path / "empty", RECIPE)


def test_a_link_to_nothing_is_refused_before_the_training(tmp_path: Path) -> None:
    (tmp_path / "model").symlink_to(tmp_path / "gone")
    with pytest.raises(ValueError, match="it is a broken symlink"):
        check_out(tmp_path / "model", RECIPE)


def test_the_same_recipe_is_known_again_after_another_export(tmp_path: Path) -> None:
    """Which has the libraries and the scores of its own day."""
    again = {"rank": 2, **RECIPE, "versions": {"torch": "3"}, "commit": "f00", "scores": {"a": 1}}
    check_out(record(tmp_path / "model"), again)


def test_the_model_of_another_recipe_is_replaced_only_if_asked_for(tmp_path: Path) -> None:
    folder = record(tmp_path / "model")
    other = {**RECIPE, "config": {"dropout": 0.2}}
    with pytest.raises(ValueError, match=r"another recipe \(trial 3 of 's'\).*--overwrite"):
        check_out(folder, other)
    check_out(folder, other, overwrite=True)
    (folder / "README.md").write_text("three years of notes")
    with pytest.raises(ValueError, match=r"'README\.md' in it has changed since"):
        check_out(folder, other, overwrite=True)


def test_the_same_recipe_of_another_search_is_another_model(tmp_path: Path) -> None:
    """Two results folders have a search of one name, whose winners are alike."""
    folder = record(tmp_path / "model", search_id="a")
    check_out(folder, {**RECIPE, "search_id": "a"})
    check_out(folder, RECIPE)  # exported by an earlier version
    with pytest.raises(ValueError, match=r"another search \(trial 3 of 's'\).*--overwrite"):
        check_out(folder, {**RECIPE, "search_id": "b"})
    check_out(folder, {**RECIPE, "search_id": "b"}, overwrite=True)


def test_a_model_of_an_earlier_version_is_replaced_only_if_asked_for(tmp_path: Path) -> None:
    folder = early_record(tmp_path / "model", files=["odd.model"])
    (folder / "odd.model").write_text("")
    with pytest.raises(ValueError, match=r"earlier version.*--overwrite"):
        check_out(folder, RECIPE)
    check_out(folder, RECIPE, overwrite=True)
    (folder / "thesis.tex").write_text("three years")
    with pytest.raises(ValueError, match=r"did not write 'thesis\.tex' in it"):
        check_out(folder, RECIPE, overwrite=True)


def other_file(folder: Path) -> None:
    (folder / "thesis.tex").write_text("three years")


def other_card(folder: Path) -> None:
    (folder / "README.md").write_text("three years")


def other_record(folder: Path) -> None:
    record = json.loads((folder / SCORES).read_text()) | {"note": "three years"}
    (folder / SCORES).write_text(json.dumps(record))


def other_folder(folder: Path) -> None:
    (folder / "config.json").unlink()
    (folder / "config.json").mkdir()


def hidden_folder(folder: Path) -> None:
    (folder / ".git").mkdir()


def file_in_a_folder_of_ours(folder: Path) -> None:
    record(folder, "1_Pooling/config.json")
    (folder / "1_Pooling" / "thesis.tex").write_text("three years")


def other_scores(folder: Path) -> None:
    (folder / SCORES).write_text('{"alice": 3}')


def list_of_scores(folder: Path) -> None:
    (folder / SCORES).write_text("[1, 2]")


def no_scores(folder: Path) -> None:
    (folder / SCORES).unlink()


@pytest.mark.parametrize(
    "change",
    [
        other_file,
        other_card,
        other_record,
        other_folder,
        hidden_folder,
        file_in_a_folder_of_ours,
        other_scores,
        list_of_scores,
        no_scores,
    ],
)
def test_a_folder_with_other_files_is_refused_before_training(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    folder = record(tmp_path / "model")
    change(folder)
    before = sorted(path.name for path in folder.iterdir())
    with pytest.raises(ValueError, match=r"is not a model folder of search\.train") as error:
        check_out(folder, RECIPE, overwrite=True)
    assert "\n" not in str(error.value) and sorted(path.name for path in folder.iterdir()) == before
