"""Seeds are combined where that makes sense, and what it brought is said."""

from typing import Any

import numpy as np
import pytest

from search.final.combining import Combined, Kind, check_combination, mean_weights
from search.trials.parcel import Weights


def recipe(regime: str, **config: Any) -> dict[str, Any]:
    return {"regime": regime, "config": config, "data": {}}


def test_weights_are_averaged() -> None:
    """Exactly where the models are equal, in float32 as they are."""
    thirds = np.full(3, 1 / 3, np.float32)
    trained = [
        Weights({"a": np.array([2.0 * seed, 1.0], np.float32)}, {"b": thirds}) for seed in range(3)
    ]
    mean = mean_weights(trained)
    assert mean.encoder["a"].tolist() == [2.0, 1.0]
    assert np.array_equal(mean.head["b"], thirds) and mean.head["b"].dtype == np.float32


@pytest.mark.parametrize(
    ("kind", "seeds", "of", "onnx", "message"),
    [
        ("soup", 1, recipe("llrd"), False, "--soup needs --seeds 2 or more; got 1"),
        ("ensemble", 2, recipe("tfidf"), False, "needs a regime with an encoder"),
        ("ensemble", 2, recipe("llrd"), True, "cannot be written as ONNX"),
        ("soup", 2, recipe("reinit", reinit_layers=2), False, "draws 2 layers anew"),
        ("soup", 2, recipe("llrd") | {"data": {"folds": 5}}, False, "found with --folds 5"),
    ],
)
def test_what_cannot_be_combined_is_refused(
    kind: Kind, seeds: int, of: dict[str, Any], onnx: bool, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        check_combination(kind, seeds, of, onnx)


@pytest.mark.parametrize("kind", ["soup", "ensemble"])
def test_what_can_be_combined_is_not_refused(kind: Kind) -> None:
    check_combination(kind, 2, recipe("llrd"), False)
    check_combination(None, 1, recipe("tfidf"), True)


@pytest.mark.parametrize(
    ("kind", "accuracy", "kept", "said"),
    [
        ("soup", 0.9, True, None),
        ("soup", 0.8, False, "the folder holds that model and not the soup"),
        ("ensemble", 0.8, True, "the folder holds the ensemble all the same"),
    ],
)
def test_a_worse_model_than_the_best_seeds_is_named(
    kind: Kind, accuracy: float, kept: bool, said: str | None
) -> None:
    combined = Combined(kind, (1, 2), "accuracy", accuracy, (0.7, 0.9), None, kept)
    assert f"{kind} of 2 seeds: validation {accuracy:.4f} (the seeds' mean 0.8000" in str(combined)
    assert combined.warning is None if said is None else said in str(combined.warning)
