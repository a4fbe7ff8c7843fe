"""Hyperparameters as frozen dataclasses that validate types, ranges, choices and names."""

import contextlib
import math
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin, get_type_hints

from trainables.parts.docstrings import field_docstrings
from trainables.parts.quote import quoted


@dataclass(frozen=True)
class Range:
    """The values that a number may take: from `low` to `high`, both included.

    With `open_above`, `high` itself is excluded.
    """

    low: float
    high: float = math.inf
    open_above: bool = False

    def __contains__(self, value: float) -> bool:
        return self.low <= value and (value < self.high if self.open_above else value <= self.high)

    def __str__(self) -> str:
        if self.high == math.inf:
            return f"at least {self.low:g}"
        return f"from {self.low:g} to {'below ' if self.open_above else ''}{self.high:g}"


Rate = Annotated[float, Range(0, 10)]
"""A learning rate, a weight decay or a gradient norm."""
Fraction = Annotated[float, Range(0, 1)]
"""A fraction of a whole, 0 and 1 included."""
Part = Annotated[float, Range(0, 1, open_above=True)]
"""A fraction of a whole, 1 excluded."""
Momentum = Annotated[float, Range(0, 1, open_above=True)]
"""SGD's momentum."""
Dropout = Annotated[float, Range(0, 1, open_above=True)]
"""The probability that a unit is zeroed in training."""
Count = Annotated[int, Range(1)]
"""A number of things, at least one."""
Temperature = Annotated[float, Range(1e-3, 100)]
"""The divisor of similarities in a contrastive loss."""
Inverse = Annotated[float, Range(1e-6, 1e6)]
"""scikit-learn's C: the inverse of the strength of a regularisation."""


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """The base class of every Config.

    Validates its fields when created. Raises ValueError with one line for an invalid value.
    """

    def __post_init__(self) -> None:
        for name, kind in get_type_hints(type(self), include_extras=True).items():
            object.__setattr__(self, name, checked(name, getattr(self, name), kind))

    @property
    def reads_encoded(self) -> bool:
        """Whether training reads `Data.encoded`, the vectors that a search computes once."""
        return False

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build from names and values.

        Raises ValueError for an unknown name or an invalid value.
        """
        for name in values:
            cls._require_field(name)
        return cls(**cls.upgraded(values))

    @classmethod
    def upgraded(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Convert a configuration that an earlier version of Regimen wrote to today's fields."""
        return dict(values)

    @classmethod
    def parse(cls, name: str, text: str) -> Any:
        """Convert command-line text to a value of the field `name`.

        Raises ValueError for an unknown name or an invalid value.
        """
        cls._require_field(name)
        kind = get_type_hints(cls, include_extras=True)[name]
        value: Any = text
        for convert in (_none, int, float, _bool):
            try:
                value = convert(text)
                return checked(name, value, kind)
            except ValueError:
                continue
        # Nothing fits. Raise for the value that the text stands for, or for the text as a choice.
        return checked(name, text if isinstance(value, str) or _choices(kind) else value, kind)

    @classmethod
    def describe(cls) -> dict[str, str]:
        """The docstring under each field, by name, read from the source of the declaring class."""
        return field_docstrings(cls)

    def to_dict(self) -> dict[str, Any]:
        """All fields, ready for JSON or YAML."""
        return asdict(self)

    @classmethod
    def _require_field(cls, name: str) -> None:
        names = [field.name for field in fields(cls)]
        if name not in names:
            raise ValueError(
                f"unknown hyperparameter {quoted(name)}; choose one of: {', '.join(names)}"
            )


def _none(text: str) -> None:
    if text.lower() not in ("none", "null"):
        raise ValueError(text)


def _bool(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


def _choices(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) is Literal else ()


def checked(name: str, value: Any, kind: Any) -> Any:
    """Return `value` as the type `kind`; an int becomes a float if `kind` is float.

    Raises ValueError with the rule and the value if it does not fit.
    """
    if get_origin(kind) in (Union, UnionType):
        options = get_args(kind)
        if value is None and NoneType in options:
            return None
        *others, kind = [option for option in options if option is not NoneType]
        for other in others:  # such as `int | Literal["auto"]`
            with contextlib.suppress(ValueError):
                return checked(name, value, other)
    limits = [extra for extra in getattr(kind, "__metadata__", ()) if isinstance(extra, Range)]
    kind = kind.__origin__ if limits else kind
    if choices := _choices(kind):
        # True == 1 in Python, but is no choice among numbers
        if value not in choices or isinstance(value, bool) != isinstance(choices[0], bool):
            raise ValueError(
                f"{name} must be one of {', '.join(map(str, choices))}; got {quoted(value)}"
            )
        return value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        endless = math.inf if value > 0 else -math.inf
        value = float(value) if abs(value) < sys.float_info.max else endless
    kind = get_origin(kind) or kind  # dict[str, Any] becomes dict
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        article = "an" if kind is int else "a"
        raise ValueError(f"{name} must be {article} {kind.__name__}; got {quoted(value)}")
    for limit in limits:
        if value not in limit:
            raise ValueError(f"{name} must be {limit}; got {quoted(value)}")
    if kind is float and not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number; got {quoted(value)}")
    return value
