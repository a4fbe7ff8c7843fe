"""The ranges that a search chose from, and where in them its trials and its best trial lie."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from analysis.read.files import checked, read_json
from analysis.trials.ranking import CONFIG

EDGE = 0.05
"""A value is at the edge of its range in the outer twentieth of it, on the scale that it was drawn
on."""


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`."""

    low: float
    high: float
    log: bool
    """Whether they were drawn on a logarithmic scale."""

    def __str__(self) -> str:
        return f"{self.low:.3g} to {self.high:.3g}{', log' if self.log else ''}"

    def place(self, value: str) -> float:
        """Where a value lies, from 0 to 1; NaN for what is no number in the range."""
        try:
            number = float(value)
        except ValueError:
            return math.nan
        if not self.low <= number <= self.high or self.low == self.high:
            return math.nan
        low, high, number = (math.log(x) if self.log else x for x in (self.low, self.high, number))
        return (number - low) / (high - low)

    def edge(self, place: float) -> str:
        """`low`, `high` or nothing."""
        return "low" if place < EDGE else "high" if place > 1 - EDGE else ""


@dataclass(frozen=True)
class Choices:
    """Values to choose from, as they stand in trials.csv; none is an empty text."""

    values: tuple[str, ...]

    def __str__(self) -> str:
        return " | ".join(value or "none" for value in self.values)

    def place(self, value: str) -> float:
        """Where a value stands in the list, from 0 to 1; NaN for what is not there."""
        if value not in self.values:
            return math.nan
        return self.values.index(value) / (len(self.values) - 1) if len(self.values) > 1 else 0.5

    def edge(self, place: float) -> str:
        """`low` or `high` at an end of a list of rising numbers; nothing in a list of anything
        else, which has no ends."""
        numbers = [
            float(value) if _is_number(value) else math.nan for value in self.values if value
        ]
        if len(numbers) < 3 or numbers != sorted(numbers) or any(map(math.isnan, numbers)):
            return ""
        return "high" if place == 1 else "low" if place == 0 and self.values[0] else ""


Space = Mapping[str, Range | Choices]


def read_space(path: Path) -> Space:
    """The space of a search's folder; an empty one where the file is missing.

    Raises ValueError with one line where it is damaged.
    """
    if not path.exists():
        return {}
    found = checked(path, read_json(path), {})
    return {str(name): _parameter(path, str(name), entry) for name, entry in found.items()}


def _parameter(path: Path, name: str, entry: Any) -> Range | Choices:
    if isinstance(entry, dict) and "choices" in entry:
        choices = checked(path, entry, {"choices": list})["choices"]
        return Choices(tuple("" if choice is None else str(choice) for choice in choices))
    number = (int, float)
    fields = checked(path, entry, {"low": number, "high": number, "log": bool})
    low, high = float(fields["low"]), float(fields["high"])
    if not (math.isfinite(low) and math.isfinite(high) and low <= high) or (
        fields["log"] and low <= 0
    ):
        raise ValueError(f"'{path}' is damaged: '{name}' is no range")
    return Range(low, high, fields["log"])


def slices(trials: pandas.DataFrame, space: Space) -> pandas.DataFrame:
    """A row a trial and parameter that it was given:

    `parameter`, `number`, `state`, `value` (text), `place` (0 to 1 in the range, on its scale),
    `score` (NaN where it was stopped before the last stage). Only trials at full budget and those
    that were stopped early.
    """
    columns = ["parameter", "number", "state", "value", "place", "score"]
    known = trials[
        trials["best_validation_accuracy"].notna() & trials["state"].isin(["COMPLETE", "PRUNED"])
    ]
    asked = known["suggested"].fillna("").str.split() if "suggested" in known else None
    frames = []
    for name, parameter in space.items():
        if CONFIG + name not in known:
            continue
        own = known if asked is None else known.loc[[name in names for names in asked]]
        value = own[CONFIG + name].fillna("").astype(str)
        place = value.map(parameter.place).astype(float)
        frame = pandas.DataFrame(
            {
                "number": own["number"].astype(int),
                "state": own["state"],
                "value": value,
                "place": place,
            }
        )
        frames.append(frame.assign(parameter=name, score=own["score"])[columns])
    return (
        pandas.concat(frames, ignore_index=True).dropna(subset="place")
        if frames
        else pandas.DataFrame(columns=columns)
    )


def edges(found: pandas.DataFrame, space: Space, best: int | None) -> pandas.DataFrame:
    """`parameter`, `value`, `range`, `place` and `edge` (low, high or nothing) of the best trial,
    from what `slices` gives."""
    own = found[found["number"] == best]
    rows = [
        {
            "parameter": name,
            "value": value,
            "range": str(space[name]),
            "place": place,
            "edge": space[name].edge(place),
        }
        for name, value, place in own[["parameter", "value", "place"]].itertuples(
            index=False, name=None
        )
    ]
    return pandas.DataFrame(rows, columns=["parameter", "value", "range", "place", "edge"])


def pairs(found: pandas.DataFrame, x: str, y: str) -> pandas.DataFrame:
    """`number`, `state`, `x`, `y` (places in two parameters' ranges) and `score` of the trials that
    were given both."""
    first, second = (found[found["parameter"] == name].set_index("number") for name in (x, y))
    both = (
        first[["state", "place", "score"]]
        .rename(columns={"place": "x"})
        .join(second["place"].rename("y"), how="inner")
    )
    return both.reset_index()[["number", "state", "x", "y", "score"]]


def numeric(space: Space, name: str) -> bool:
    """Whether values between two of its values make sense."""
    return isinstance(space.get(name), Range)


def _is_number(value: str) -> bool:
    try:
        return bool(np.isfinite(float(value)))
    except ValueError:
        return False
