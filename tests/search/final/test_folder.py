"""Only a model folder that search.train wrote is replaced."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from search.final.folder import check_out
from search.final.record import SCORES


def record(folder: Path, **changes: Any) -> Path:
    """A model's folder as an earlier training left it."""
    folder.mkdir(parents=True)
    for name in ("config.json", "model.safetensors", "README.md", "tokenizer.json"):
        (folder / name).write_text("{}")
    values = {"curves": {}, "summary": {}, "best_seed": 1000, "configuration": {}} | changes
    (folder / SCORES).write_text(json.dumps(values))
    return folder


def test_only_a_folder_that_search_train_wrote_is_replaced(tmp_path: Path) -> None:
    check_out(tmp_path / "new")
    check_out(record(tmp_path / "earlier"))
    named = record(tmp_path / "newer", files=["odd.model"])
    (named / "odd.model").write_text("")
    check_out(named)
    deeper = record(tmp_path / "deeper", files=["1_Pooling/config.json"])
    (deeper / "1_Pooling").mkdir()
    (deeper / "1_Pooling" / "config.json").write_text("{}")
    check_out(deeper)
    (tmp_path / "empty").mkdir()
    check_out(tmp_path / "empty")


def other_file(folder: Path) -> None:
    (folder / "thesis.tex").write_text("three years")


def other_folder(folder: Path) -> None:
    (folder / "config.json").unlink()
    (folder / "config.json").mkdir()


def hidden_folder(folder: Path) -> None:
    (folder / ".git").mkdir()


def file_in_a_folder_of_ours(folder: Path) -> None:
    record = json.loads((folder / SCORES).read_text()) | {"files": ["1_Pooling/config.json"]}
    (folder / SCORES).write_text(json.dumps(record))
    (folder / "1_Pooling").mkdir()
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
        check_out(folder)
    assert "\n" not in str(error.value) and sorted(path.name for path in folder.iterdir()) == before
