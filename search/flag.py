"""How a field of SearchSpec appears on the command line, declared in the field's metadata."""

import re
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, field
from typing import Any, Literal

from trainables.parts.quote import quoted

OnResume = Literal["fixed", "changeable", "place"]
"""What `--resume` may do with a field. `fixed`: it keeps its value, or old and new trials would not
be comparable. `changeable`: a flag overrides it. `place`: it says where a search runs and is
recorded, not what it is."""
SECONDS_PER_UNIT = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Flag:
    """The command-line side of a field. Its type, choices and help come from the field itself."""

    on_resume: OnResume = "changeable"
    metavar: str | None = None
    unset: str | None = None
    parse: Callable[[str], Any] | None = None
    hidden: bool = False


def flag(
    default: Any = MISSING,
    *,
    on_resume: OnResume = "changeable",
    metavar: str | None = None,
    unset: str | None = None,
    parse: Callable[[str], Any] | None = None,
    hidden: bool = False,
    default_factory: Any = MISSING,
) -> Any:
    """A dataclass field that is also a flag.

    `unset`: what happens without the flag, for `--help`, where the default value does not say it.
    `parse`: text to value, where the type does not say how; raises ValueError with the rule.
    `hidden`: no flag, or one that `search/driver/arguments.py` adds itself.
    """
    return field(
        default=default,
        default_factory=default_factory,
        metadata={"flag": Flag(on_resume, metavar, unset, parse, hidden)},
    )


def flag_of(declared: "Field[Any]") -> Flag:
    """What a field declares about its flag; a field without `flag(...)` has the defaults."""
    declaration: Flag = declared.metadata.get("flag", Flag())
    return declaration


def positive_int(text: str) -> int:
    """A whole number above 0."""
    if not re.fullmatch(r"[+-]?\d{1,18}", text.strip()) or int(text) < 1:
        raise ValueError(f"a whole number, at least 1; got {quoted(text)}")
    return int(text)


def count_or_auto(text: str) -> int | str:
    """A whole number above 0, or `auto`."""
    try:
        return text if text == "auto" else positive_int(text)
    except ValueError:
        raise ValueError(f"auto or a whole number, at least 1; got {quoted(text)}") from None


def int_or_auto(text: str) -> int | None:
    """A whole number above 0, or None for `auto`."""
    count = count_or_auto(text)
    return None if isinstance(count, str) else count


def seconds(text: str) -> float:
    """A duration in seconds: `90s`, `30m`, `2h`, `1d`, or seconds without a unit."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d+)?)([smhd]?)", text)
    if not match or float(match[1]) == 0:
        raise ValueError(
            f"a number above 0 with s, m, h or d, such as 90s or 2h; got {quoted(text)}"
        )
    return float(match[1]) * SECONDS_PER_UNIT[match[2]]


def float_or_auto(text: str) -> float | None:
    """A number, or None for `auto`."""
    try:
        return None if text == "auto" else float(text)
    except ValueError:
        raise ValueError(f"auto or a number; got {quoted(text)}") from None
