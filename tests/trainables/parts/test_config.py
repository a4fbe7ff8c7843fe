"""Hyperparameters check themselves, and read what is typed on a command line."""

import dataclasses
from dataclasses import dataclass, fields
from typing import Any, Literal

import pytest

import trainables
from trainables.parts.config import Count, Dropout, Fraction, Hyperparameters, Rate, Temperature

REGIMES = trainables.names()


@dataclass(frozen=True, kw_only=True)
class Every(Hyperparameters):
    """One field of every kind there is."""

    rate: Rate = 0.1
    """A rate."""
    share: Fraction = 0.5
    """A share,
    in two lines."""
    dropout: Dropout = 0.0
    """A dropout."""
    count: Count = 1
    """A count."""
    width: Count | None = None
    """A count or none."""
    limit: Rate | None = 1.0
    """A rate or none."""
    temperature: Temperature = 1.0
    """A temperature."""
    flag: bool = False
    """Yes or no."""
    choice: Literal["none", "relu", "1"] = "relu"
    """A word."""


def refusal(**values: Any) -> str:
    """The message with which a Config refuses `values`."""
    with pytest.raises(ValueError) as error:
        Every.from_dict(values)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"count": 0}, "count must be at least 1; got 0"),
        ({"count": "2"}, "count must be an int; got '2'"),
        ({"flag": 1}, "flag must be a bool; got 1"),
        ({"share": 2}, "share must be from 0 to 1; got 2.0"),
        ({"dropout": 1.0}, "dropout must be from 0 to below 1; got 1.0"),
        ({"choice": "gelu"}, "choice must be one of none, relu, 1; got 'gelu'"),
    ],
)
def test_a_refusal_states_the_rule_and_the_value(values: dict[str, Any], message: str) -> None:
    assert refusal(**values) == message


def test_unknown_name_is_refused_with_the_names_there_are() -> None:
    message = refusal(rat=0.1)
    assert "'rat'" in message
    assert all(field.name in message for field in fields(Every))


@pytest.mark.parametrize(
    "values",
    [
        {"rate": "0.1"},
        {"rate": None},
        {"rate": True},
        {"count": 1.0},
        {"count": True},
        {"count": None},
        {"width": "10"},
        {"flag": 1},
        {"flag": "true"},
        {"choice": None},
        {"choice": 1},
        {"choice": True},
        {"limit": [1.0]},
    ],
)
def test_wrong_type_is_refused_with_name_and_value(values: dict[str, Any]) -> None:
    ((name, value),) = values.items()
    message = refusal(**values)
    assert name in message and repr(value) in message


@pytest.mark.parametrize("sign", [1, -1])
def test_a_whole_number_beyond_all_floats_is_out_of_range(sign: int) -> None:
    assert f"got {sign * float('inf')}" in refusal(rate=sign * 10**400)


@pytest.mark.parametrize(
    "values",
    [
        {"rate": -1e-9},
        {"rate": 10.001},
        {"rate": float("nan")},
        {"rate": float("inf")},
        {"share": 1.0001},
        {"share": -0.1},
        {"dropout": 1.0},
        {"count": 0},
        {"width": -1},
        {"limit": float("nan")},
        {"temperature": 0.0},
    ],
)
def test_value_out_of_range_is_refused_with_name_and_value(values: dict[str, Any]) -> None:
    ((name, value),) = values.items()
    message = refusal(**values)
    assert name in message and repr(value) in message


@pytest.mark.parametrize(
    "values",
    [
        {"rate": 0.0},
        {"rate": 10.0},
        {"share": 1.0},
        {"dropout": 0.999},
        {"count": 1},
        {"temperature": 1e-3},
    ],
)
def test_ends_of_a_range_are_inside(values: dict[str, Any]) -> None:
    ((name, value),) = values.items()
    assert getattr(Every.from_dict(values), name) == value


def test_word_that_is_no_choice_is_refused_with_the_choices() -> None:
    assert "none, relu, 1" in refusal(choice="gelu")


def test_none_is_a_value_only_where_the_field_says_so() -> None:
    config = Every(width=None, limit=None)
    assert config.width is None and config.limit is None
    assert "count" in refusal(count=None)


def test_int_becomes_float_where_a_float_is_wanted() -> None:
    config = Every(rate=1, limit=2)
    assert (config.rate, config.limit) == (1.0, 2.0)
    assert isinstance(config.rate, float) and isinstance(config.limit, float)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("rate", "1e-4", 1e-4),
        ("rate", "1", 1.0),
        ("share", ".25", 0.25),
        ("count", "16", 16),
        ("width", "none", None),
        ("width", "None", None),
        ("width", "10", 10),
        ("limit", "null", None),
        ("limit", "1", 1.0),
        ("flag", "true", True),
        ("flag", "False", False),
        ("choice", "relu", "relu"),
        ("choice", "none", "none"),
        ("choice", "1", "1"),
    ],
)
def test_command_line_text_becomes_the_value_it_means(name: str, text: str, value: Any) -> None:
    parsed = Every.parse(name, text)
    assert parsed == value and type(parsed) is type(value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rate", "fast"),
        ("rate", "none"),
        ("rate", "nan"),
        ("rate", "-1"),
        ("count", "1.5"),
        ("count", "0"),
        ("count", ""),
        ("width", "wide"),
        ("flag", "1"),
        ("flag", "yes"),
        ("choice", "gelu"),
        ("share", "2"),
        ("nothing", "1"),
    ],
)
def test_command_line_text_that_means_no_value_is_one_line(name: str, text: str) -> None:
    with pytest.raises(ValueError) as error:
        Every.parse(name, text)
    assert name in str(error.value) and "\n" not in str(error.value)


def test_describe_reads_the_docstring_under_each_field() -> None:
    docstrings = Every.describe()
    assert docstrings["rate"] == "A rate."
    assert docstrings["share"] == "A share,\nin two lines."
    assert list(docstrings) == [field.name for field in fields(Every)]


@pytest.mark.parametrize("regime", REGIMES)
def test_every_field_of_a_regime_has_a_docstring(regime: str) -> None:
    config = trainables.load(regime).Config
    docstrings = config.describe()
    assert set(docstrings) == {field.name for field in fields(config)}
    assert all(meaning.strip() for meaning in docstrings.values())


@pytest.mark.parametrize("regime", REGIMES)
def test_a_regimes_config_is_frozen(regime: str) -> None:
    config = trainables.load(regime).Config()
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(config, fields(config)[0].name, 0)


@pytest.mark.parametrize("regime", REGIMES)
def test_a_regimes_config_survives_to_dict_and_back(regime: str) -> None:
    config = trainables.load(regime).Config()
    assert type(config).from_dict(config.to_dict()) == config


@pytest.mark.parametrize("regime", REGIMES)
def test_every_default_of_a_regime_can_be_typed_on_the_command_line(regime: str) -> None:
    config = trainables.load(regime).Config()
    assert {
        name: type(config).parse(name, str(value)) for name, value in config.to_dict().items()
    } == config.to_dict()


@pytest.mark.parametrize("regime", REGIMES)
def test_a_regime_refuses_a_name_that_is_no_field_of_it(regime: str) -> None:
    with pytest.raises(ValueError, match="unknown hyperparameter 'learning_rte'"):
        trainables.load(regime).Config.from_dict({"learning_rte": 1e-4})


def test_unknown_regime_is_refused_with_the_regimes_there_are() -> None:
    with pytest.raises(ValueError, match="unknown regime 'supcn'.*" + ", ".join(REGIMES)):
        trainables.load("supcn")
