"""Recipes: what search.export writes, search.train reads, also from earlier versions."""

from pathlib import Path
from typing import Any

import pytest
import yaml

import trainables
from search.outputs.recipe import export, read_recipe
from search.study import records
from search.study.winner_records import choice_score
from search.worker_reports import ENDED_AT, STARTED_AT
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


@pytest.mark.parametrize(
    ("changes", "word"),
    [({"epoch_size": 100}, "epoch_size"), ({"config": {"early_stopping_patience": 1}}, "patience")],
)
def test_what_folds_exclude_is_refused_before_anything_is_trained(
    changes: dict[str, Any], word: str, tmp_path: Path, exported: dict[str, Any]
) -> None:
    folded = exported | {"data": exported["data"] | {"folds": 5}}
    assert read_recipe(written(tmp_path / "best.yaml", folded))["data"]["folds"] == 5
    with pytest.raises(ValueError, match=word):
        read_recipe(written(tmp_path / "best.yaml", folded | changes))


def test_a_score_of_an_earlier_version_is_checked_too(
    tmp_path: Path, exported: dict[str, Any]
) -> None:
    bad = exported | {"scores": {"search_validation_accuracy": "high"}}
    with pytest.raises(ValueError, match=r"scores\.best_validation_accuracy must be a float"):
        read_recipe(written(tmp_path / "best.yaml", bad))


def floor(accuracy: float) -> dict[str, Any]:
    return {
        "config": trainables.load("probe").Config(C=0.03).to_dict(),
        "chosen": {"C": 0.03},
        "validation_accuracy": accuracy,
        "validation_loss": 0.5,
        STARTED_AT: 100.0,
        ENDED_AT: 106.0,
        "test": {"test_accuracy": 0.7, "test_loss": 1.0, "test_loss_paper": 1.1},
    }


@pytest.mark.parametrize("distance", [-0.01, 0.0, 0.01])
def test_a_floor_that_no_trial_beats_is_exported_first(distance: float, tmp_path: Path) -> None:
    """Its distance to what the winner was chosen by decides; of equals, the floor comes first."""
    search = journal(tmp_path / "results", reported=NEW)
    winner = search.study.get_trials()[1]
    accuracy = (choice_score(search.study, winner, "accuracy") or 0.0) + distance
    records.FLOORS.write(search.study, {"majority": floor(0.1), "probe": floor(accuracy)})
    (search.spec.folder / "spec.json").write_text(search.spec.to_json())
    folder = search.spec.folder
    recipes = list(yaml.safe_load_all(export(folder, top=3)))
    assert recipes[0]["regime"] == ("probe" if distance >= 0 else search.spec.regime)
    assert [recipe["rank"] for recipe in recipes] == [1, 2, 3]
    (alone,) = yaml.safe_load_all(export(folder, floor="probe"))
    assert (alone["regime"], alone["trial"], alone["epochs"]) == ("probe", None, 1)
    assert alone["config"]["C"] == 0.03 and alone["scores"]["test"][0]["test_accuracy"] == 0.7
    assert read_recipe(written(tmp_path / "floor.yaml", alone)) == alone
    (best,) = yaml.safe_load_all(export(folder, floor="none"))
    assert best["trial"] == winner.number
    with pytest.raises(ValueError, match="no floor 'tfidf'; its floors: majority, probe"):
        export(folder, floor="tfidf")
