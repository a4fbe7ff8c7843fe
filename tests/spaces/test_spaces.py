"""Every space suggests valid hyperparameters of its regime and includes the paper's values."""

import warnings
from collections.abc import Callable
from typing import Any

import optuna
import pytest
from optuna.samplers import RandomSampler
from optuna.trial import FixedTrial

import spaces
import trainables

REGIMES = trainables.names()
SEARCHED = [regime for regime in REGIMES if regime != "majority"]
"""The regimes that have anything to search."""
TRIALS = 200
APPLIES: dict[str, Callable[[dict[str, Any]], bool]] = {
    **{
        name: lambda values: values["optimizer"] == "adamw"
        for name in ("weight_decay", "learning_rate")
    },
    "head_learning_rate": lambda values: (
        values["optimizer"] == "adamw" and values.get("prototypes") != "means"
    ),
    **{
        f"sgd_{name}": lambda values: values["optimizer"] == "sgd"
        for name in ("weight_decay", "learning_rate", "head_learning_rate")
    },
    "momentum": lambda values: values["optimizer"] == "sgd",
    "nesterov": lambda values: values["optimizer"] == "sgd" and values["momentum"] > 0,
    "head_activation": lambda values: values["head_width"] is not None,
    "head_init": lambda values: values["head_width"] is None and values["optimizer"] == "adamw",
    "head_decay": lambda values: values["head_width"] is not None,
    "projection_width": lambda values: values["projection"] != "none",
    "min_learning_rate": lambda values: values["schedule"] != "constant",
}
"""When a conditional field applies."""
CONSTANTS = {
    **{regime: {"classifier": "ridge"} for regime in ("supcon", "simclr", "simclr_crop")},
    **{regime: {"optimizer": "adamw"} for regime in ("lora", "lp_ft", "proto")},
}
"""What a space sets to a constant."""


@pytest.fixture(scope="module")
def samples() -> dict[str, list[dict[str, Any]]]:
    """Random suggestions of each regime's space."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    suggestions = {}
    for regime in REGIMES:
        study = optuna.create_study(sampler=RandomSampler(seed=0))
        suggestions[regime] = [spaces.load(regime).space(study.ask()) for _ in range(TRIALS)]
    return suggestions


def follow(regime: str, values: dict[str, Any]) -> dict[str, Any]:
    """The space's suggestions for the given `values`; a value outside its range is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        spaces.load(regime).space(trial := FixedTrial(values))
    return trial.params


def test_every_regime_has_a_space_and_every_space_a_regime() -> None:
    assert spaces.names() == trainables.names()


def test_regime_without_a_space_is_refused_with_those_that_have_one() -> None:
    with pytest.raises(ValueError, match="'supcn' has no space.*" + ", ".join(REGIMES)):
        spaces.load("supcn")


@pytest.mark.parametrize("regime", REGIMES)
def test_every_suggestion_is_a_valid_config(
    regime: str, samples: dict[str, list[dict[str, Any]]]
) -> None:
    kind = trainables.load(regime).Config
    for values in samples[regime]:
        config = kind.from_dict(values)
        assert {name: getattr(config, name) for name in values} == values


@pytest.mark.parametrize("regime", REGIMES)
def test_a_space_returns_what_it_suggested_under_the_same_names(regime: str) -> None:
    study = optuna.create_study(sampler=RandomSampler(seed=1))
    for _ in range(20):
        trial = study.ask()
        values = spaces.load(regime).space(trial)
        # SGD's ranges are for clipped gradients, except where they are the paper's.
        clips = values.get("optimizer") == "sgd" and regime != "simclr"
        clipped = {"max_grad_norm": 1.0} if clips else {}
        assert values == trial.params | CONSTANTS.get(regime, {}) | clipped


@pytest.mark.parametrize("regime", SEARCHED)
def test_a_space_has_more_than_one_configuration(
    regime: str, samples: dict[str, list[dict[str, Any]]]
) -> None:
    assert len({repr(values) for values in samples[regime]}) > TRIALS / 2


@pytest.mark.parametrize("regime", SEARCHED)
def test_the_papers_values_lie_inside_the_space(regime: str) -> None:
    defaults = trainables.load(regime).Config().to_dict()
    suggested = follow(regime, defaults)
    assert suggested == {name: defaults[name] for name in suggested} and suggested


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("regime", SEARCHED)
def test_the_defaults_of_either_optimiser_lie_inside_the_space(regime: str, optimizer: str) -> None:
    """Trial 0 has them where a user fixes the optimiser."""
    if CONSTANTS.get(regime, {}).get("optimizer", optimizer) != optimizer:
        pytest.skip(f"{regime} has no {optimizer} in its space")
    defaults = trainables.load(regime).Config().to_dict() | {"optimizer": optimizer}
    suggested = follow(regime, defaults)
    assert suggested == {name: defaults[name] for name in suggested} and suggested


@pytest.mark.parametrize("regime", REGIMES)
def test_points_in_common_use_lie_inside_the_space(regime: str) -> None:
    kind = trainables.load(regime).Config
    for point in getattr(spaces.load(regime), "POINTS", []):
        values = {**kind().to_dict(), **point}
        suggested = follow(regime, values)
        assert {name: suggested[name] for name in point} == point
        assert {name: kind.from_dict(suggested).to_dict()[name] for name in point} == point


@pytest.mark.parametrize("regime", ["warmup", "llrd_warmup"])
def test_the_peak_that_the_papers_text_gives_lies_inside_too(regime: str) -> None:
    suggested = follow(
        regime, {**trainables.load(regime).Config().to_dict(), "learning_rate": 1e-5}
    )
    assert suggested["learning_rate"] == 1e-5


@pytest.mark.parametrize("regime", SEARCHED)
def test_a_value_outside_the_space_is_an_error(regime: str) -> None:
    """Guards the tests above: `follow` raises for such a value."""
    values = trainables.load(regime).Config().to_dict()
    name = next(iter(follow(regime, values)))
    with pytest.raises((ValueError, UserWarning)):
        follow(regime, {**values, name: -1})


@pytest.mark.parametrize("name", APPLIES)
def test_conditional_fields_are_suggested_only_where_they_apply(
    name: str, samples: dict[str, list[dict[str, Any]]]
) -> None:
    users = [regime for regime in REGIMES if any(name in values for values in samples[regime])]
    assert users
    for regime in users:
        pairs = [(name in values, APPLIES[name](values)) for values in samples[regime]]
        assert {(True, True)} <= set(pairs) <= {(True, True), (False, False)}
