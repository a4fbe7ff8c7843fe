"""A recipe carried to another encoder, and the values that tuning tries."""

from pathlib import Path
from typing import Any

import pytest

import trainables
from search.final.transfer import rescaled, transfer, values_around
from tests import tiny


def recipe(regime: str, model: Path, **fields: Any) -> dict[str, Any]:
    """A recipe with a regime's defaults, changed in some fields."""
    config = trainables.load(regime).Config.from_dict(fields).to_dict()
    return {
        "regime": regime,
        "config": config,
        "model": {"source": str(model), "fingerprint": "f"},
        "scores": {"best_validation_accuracy": 0.9},
    }


@pytest.mark.parametrize(("old", "new"), [(6, 12), (12, 24), (12, 6), (6, 6)])
def test_the_embeddings_keep_their_learning_rate(old: int, new: int) -> None:
    """And the top layer's moves less than any factor of the old encoder."""
    decay = rescaled({"layerwise_decay": 0.8}, old, new)["layerwise_decay"]
    assert decay ** (new + 1) == pytest.approx(0.8 ** (old + 1))
    assert (decay > 0.8) == (new > old)
    assert rescaled({"layerwise_decay": 1.0}, old, new) == {"layerwise_decay": 1.0}


def test_the_same_part_of_the_layers_is_drawn_anew() -> None:
    assert rescaled({"reinit_layers": 2}, 6, 12) == {"reinit_layers": 4}
    assert rescaled({"reinit_layers": 1}, 12, 6) == {"reinit_layers": 1}
    assert rescaled({"reinit_layers": 0}, 6, 12) == {} == rescaled({}, 6, 12)


def test_only_what_depends_on_depth_changes(tmp_path: Path) -> None:
    small, large = (tiny.write_model(tmp_path / str(n), layers=n) for n in (2, 5))
    before = recipe("llrd", small, layerwise_decay=0.64, learning_rate=3e-4)
    after, notes = transfer(before, str(large))
    assert after["config"] == {**before["config"], "layerwise_decay": pytest.approx(0.8)}
    assert after["model"] == {"source": str(large), "fingerprint": None}
    assert after["scores"] is None and after["carried_from"] == before["model"]
    assert len(notes) == 2 and "0.64 -> 0.8, for 5 layers instead of 2" in notes[1]
    same, notes = transfer(recipe("baseline", Path("no/such/model")), str(large))
    assert same["config"] == recipe("baseline", small)["config"] and len(notes) == 1


def test_a_recipe_without_an_encoder_is_not_carried(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"--model needs a regime with an encoder; 'tfidf'"):
        transfer(recipe("tfidf", tmp_path), "minilm")


def test_tuning_tries_the_recipes_value_and_others_a_factor_of_two_apart() -> None:
    config = recipe("baseline", Path("m"), learning_rate=4e-4)["config"]
    assert values_around(config, "baseline", "learning_rate", 4) == pytest.approx(
        [1e-4, 2e-4, 4e-4, 8e-4]
    )
    assert values_around(config, "baseline", "learning_rate", 3) == pytest.approx(
        [2e-4, 4e-4, 8e-4]
    )
    for field in ("batch_size", "nothing", "optimizer"):
        with pytest.raises(ValueError, match=rf"one of .*learning_rate.*; got '{field}'"):
            values_around(config, "baseline", field, 4)
