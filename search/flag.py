"""How a field of SearchSpec appears on the command line, declared in the field's metadata.

The flags themselves are the fields, in `search/spec.py`.
"""

import argparse
import re
from collections.abc import Callable, Iterable
from dataclasses import MISSING, Field, dataclass, field, fields
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from trainables.parts.docstrings import field_docstrings
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


def add_flags(parser: argparse.ArgumentParser, spec: type, names: Iterable[str]) -> None:
    """A flag for each of these fields of a dataclass, with its docstring as help.

    Without the flag its value is None: the field's default applies.
    """
    declared = {each.name: each for each in fields(spec)}
    docstrings, types = field_docstrings(spec), get_type_hints(spec)
    for name in names:
        default = flag_of(declared[name]).unset or _default_text(declared[name].default)
        text = sentence(docstrings.get(name, "")) + (f" (default: {default})" if default else "")
        options = _options(flag_of(declared[name]), types[name]) | {"help": text.replace("%", "%%")}
        parser.add_argument(f"--{name.replace('_', '-')}", default=None, **options)


def _options(declared: Flag, kind: Any) -> dict[str, Any]:
    """How argparse reads the value of a field of this type."""
    kind = str if declared.parse else _without_none(kind)
    if kind is bool:
        return {"action": argparse.BooleanOptionalAction}
    if get_origin(kind) is Literal:
        return {"choices": get_args(kind)}
    return {"metavar": declared.metavar, "type": kind}


def _default_text(value: Any) -> str:
    if value is None or value is MISSING:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _without_none(kind: Any) -> Any:
    """`X` for `X | None`, any other type as it is."""
    if get_origin(kind) not in (Union, UnionType):
        return kind
    (kind,) = (option for option in get_args(kind) if option is not NoneType)
    return kind


def sentence(docstring: str) -> str:
    """A docstring as argparse shows it: one paragraph without its final period."""
    return " ".join(docstring.split()).removesuffix(".")


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
