"""Recipes: what search.export writes, search.train reads, also from earlier versions."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from search.outputs.recipe import export, read_recipe
from tests.search.test_seeds import NEW, journal

SCORES_OF_EARLIER_VERSIONS = {
    "search_validation_accuracy": 0.5,
    "choice_validation_accuracy": {1: 0.91, 2: 0.93},
    "confirmed_validation_accuracy": {1000: 0.8, 1001: 0.82},
    "test": {1000: {"accuracy": 0.79, "loss": 1.0, "paper_loss": 1.1}},
}
PRESENT_SCORES: dict[str, Any] = {
    "best_validation_accuracy": 0.5,
    "choice_accuracy": {1: 0.91, 2: 0.93},
    "confirmed_accuracy": {1000: 0.8, 1001: 0.82},
    "test": {1000: {"test_accuracy": 0.79, "test_loss": 1.0, "test_loss_paper": 1.1}},
}


@pytest.fixture
def exported(tmp_path: Path) -> dict[str, Any]:
    """The recipe of a search's winner."""
    search = journal(tmp_path / "results", reported=NEW)
    (search.spec.folder / "spec.json").write_text(search.spec.to_json())
    document: dict[str, Any] = yaml.safe_load(export(search.spec.folder))
    return document


def written(path: Path, document: Any) -> Path:
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path


def test_an_export_is_read_as_it_was_written(tmp_path: Path, exported: dict[str, Any]) -> None:
    assert read_recipe(written(tmp_path / "best.yaml", exported)) == exported
    assert set(exported["scores"]) == set(PRESENT_SCORES)
    assert set(exported["scores"]["test"][1000]) == set(PRESENT_SCORES["test"][1000])


def test_an_export_of_an_earlier_version_has_the_present_names(
    tmp_path: Path, exported: dict[str, Any]
) -> None:
    earlier = exported | {"scores": SCORES_OF_EARLIER_VERSIONS}
    assert read_recipe(written(tmp_path / "best.yaml", earlier)) == exported | {
        "scores": PRESENT_SCORES
    }


@pytest.mark.parametrize("scores", [None, {"search_validation_accuracy": None, "test": None}])
def test_an_export_without_scores_is_read(
    scores: Any, tmp_path: Path, exported: dict[str, Any]
) -> None:
    recipe = read_recipe(written(tmp_path / "best.yaml", exported | {"scores": scores}))
    assert recipe["config"] == exported["config"]


def test_a_score_of_an_earlier_version_is_checked_too(
    tmp_path: Path, exported: dict[str, Any]
) -> None:
    bad = exported | {"scores": {"search_validation_accuracy": "high"}}
    with pytest.raises(ValueError, match=r"scores\.best_validation_accuracy must be a float"):
        read_recipe(written(tmp_path / "best.yaml", bad))
