"""SearchSpec: defaults, validation and JSON."""

import json

import pytest

import trainables
from search.spec import SearchSpec
from tests.specs import spec


def test_a_spec_survives_json() -> None:
    made = spec(fix={"dropout": 0.5, "head_width": None}, time_budget=90.0, name="x")
    assert SearchSpec.from_json(made.to_json()) == made


def test_a_spec_of_an_earlier_version_is_about_the_accuracy() -> None:
    values = json.loads(spec().to_json())
    del values["metric"]
    assert SearchSpec.from_json(json.dumps(values)).metric == "accuracy"
    assert "metric" in SearchSpec.names("fixed")


@pytest.mark.parametrize("patience", [None, 9, "auto"])
def test_a_field_of_several_types_takes_each(patience: int | str | None) -> None:
    assert spec(patience=patience).patience == patience
    for wrong in (0, "often", 1.5, True):
        with pytest.raises(ValueError, match=r"^patience must be one of auto; got"):
            spec(patience=wrong)


@pytest.mark.parametrize("name", trainables.names())
def test_the_budget_defaults_to_the_regimes_own(name: str) -> None:
    assert spec(regime=name).epochs == trainables.load(name).EPOCHS


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"regime": "supcn"}, ["supcn", "baseline", "supcon"]),
        ({"trials": 0}, ["trials", "0"]),
        ({"epochs": -1}, ["epochs", "-1"]),
        ({"sampler": "grid"}, ["sampler", "tpe", "grid"]),
        ({"scheduler": "x"}, ["scheduler", "asha", "'x'"]),
        ({"metric": "f1"}, ["metric", "accuracy, macro_f1", "'f1'"]),
        ({"gpus_per_trial": 1.5}, ["gpus_per_trial", "from 0 to 1", "1.5"]),
        ({"gpus_per_trial": 2}, ["gpus_per_trial", "from 0 to 1", "2"]),
        ({"gpus_per_trial": float("nan")}, ["gpus_per_trial", "from 0 to 1", "nan"]),
        ({"accelerator_type": "T4", "gpus_per_trial": 0}, ["accelerator_type needs a GPU"]),
        ({"reduction_factor": 1}, ["reduction_factor", "2"]),
        ({"name": "../../x"}, ["name", "../../x"]),
        ({"fix": {"nonsense": 1}}, ["nonsense", "dropout"]),
        ({"fix": {"dropout": 1.5}}, ["dropout", "1.5"]),
        ({"seed": -1}, ["seed", "-1"]),
        ({"folds": 1}, ["folds", "from 2 to 20", "1"]),
        ({"folds": 5, "epoch_size": 100}, ["folds", "epoch_size", "leave one out"]),
        ({"folds": 5, "fix": {"early_stopping_patience": 1}}, ["early_stopping_patience", "folds"]),
    ],
)
def test_a_wrong_value_is_refused_with_rule_and_value(values: dict, words: list[str]) -> None:
    with pytest.raises(ValueError) as caught:
        spec(**values)
    message = str(caught.value)
    assert "\n" not in message
    assert all(word in message for word in words)


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"regime": "baseline", "surprise": 1}', '{"regime": "baseline"}', "null"]
)
def test_a_damaged_spec_file_is_one_line(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        SearchSpec.from_json(text)
    assert "\n" not in str(caught.value)


def test_no_password_reaches_an_error_message() -> None:
    with pytest.raises(ValueError) as caught:
        spec(tracking_uri="https://me:secret@tracker.example")
    assert "secret" not in str(caught.value)


def test_fixed_values_are_checked_together() -> None:
    assert spec(fix={"optimizer": "sgd", "momentum": 0.9, "nesterov": True}).fix["nesterov"] is True


@pytest.mark.parametrize(
    ("regime", "epochs", "grace"),
    [
        ("supcon", 10, 1),
        ("simclr", 13, 1),
        ("llrd", 10, 3),
        ("llrd", 11, 4),
        ("llrd", 2, 2),
        ("llrd", 1, 1),
        ("llrd", 3 * 10**400, 10**400),
    ],
)
def test_the_grace_is_the_regimes_or_a_third_of_the_budget(
    regime: str, epochs: int, grace: int
) -> None:
    made = spec(regime=regime, epochs=epochs)
    assert made.grace_epochs == grace
    assert SearchSpec.from_json(made.to_json()) == made


def test_a_search_of_an_earlier_version_keeps_its_grace() -> None:
    """It had a third of the budget in every regime, and recorded none."""
    made = spec(regime="supcon", epochs=9)
    earlier = made.to_json().replace('"grace": 1', '"grace": null')
    assert SearchSpec.from_json(earlier).grace_epochs == 3
