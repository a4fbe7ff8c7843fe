"""space.json: the ranges and choices that a search sampled its hyperparameters from."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from analysis.read.files import checked_fields, read_json

EDGE_FRACTION = 0.05
"""A value is at the edge of a range if it lies in this fraction of it at either end, on the scale
it was sampled on."""


@dataclass(frozen=True)
class SearchRange:
    """Numbers from `low` to `high`."""

    low: float
    high: float
    log: bool
    """Whether values are sampled on a logarithmic scale."""

    def __str__(self) -> str:
        return f"{self.low:.3g} to {self.high:.3g}{', log' if self.log else ''}"

    def place(self, value: str) -> float:
        """Position of a value in the range, from 0 to 1; NaN if it is not a number in it."""
        try:
            number = float(value)
        except ValueError:
            return math.nan
        if not self.low <= number <= self.high or self.low == self.high:
            return math.nan
        low, high, number = (math.log(x) if self.log else x for x in (self.low, self.high, number))
        return (number - low) / (high - low)

    def edge(self, place: float) -> str:
        """`low` or `high` for a position at an edge, else an empty string."""
        return "low" if place < EDGE_FRACTION else "high" if place > 1 - EDGE_FRACTION else ""


@dataclass(frozen=True)
class Choices:
    """Categorical values, as trials.csv writes them; None is an empty string."""

    values: tuple[str, ...]

    def __str__(self) -> str:
        return " | ".join(value or "none" for value in self.values)

    def place(self, value: str) -> float:
        """Position of a value in the list, from 0 to 1; NaN if it is not in it."""
        if value not in self.values:
            return math.nan
        return self.values.index(value) / (len(self.values) - 1) if len(self.values) > 1 else 0.5

    def edge(self, place: float) -> str:
        """`low` or `high` at an end of a list of increasing numbers, else an empty string.

        A list of anything else has no edges.
        """
        numbers = [
            float(value) if _is_number(value) else math.nan for value in self.values if value
        ]
        if len(numbers) < 3 or numbers != sorted(numbers) or any(map(math.isnan, numbers)):
            return ""
        return "high" if place == 1 else "low" if place == 0 and self.values[0] else ""


Space = Mapping[str, SearchRange | Choices]


def read_space(path: Path) -> Space:
    """A search's space by parameter name; empty if the file does not exist.

    Raises ValueError for a damaged file.
    """
    if not path.exists():
        return {}
    content = checked_fields(path, read_json(path), {})
    return {str(name): _parameter(path, str(name), entry) for name, entry in content.items()}


def _parameter(path: Path, name: str, entry: Any) -> SearchRange | Choices:
    if isinstance(entry, dict) and "choices" in entry:
        choices = checked_fields(path, entry, {"choices": list})["choices"]
        return Choices(tuple("" if choice is None else str(choice) for choice in choices))
    fields = checked_fields(path, entry, {"low": float, "high": float, "log": bool})
    low, high = float(fields["low"]), float(fields["high"])
    valid = math.isfinite(low) and math.isfinite(high) and low <= high
    if not valid or (fields["log"] and low <= 0):
        raise ValueError(f"'{path}' is damaged: '{name}' is no range")
    return SearchRange(low, high, fields["log"])


def _is_number(value: str) -> bool:
    try:
        return bool(np.isfinite(float(value)))
    except ValueError:
        return False
