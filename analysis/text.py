"""Text for people: untrusted text made safe to show, and values in readable form."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

CONTROL_CHARACTERS = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Characters that terminals act on or that change the direction of text, and lone surrogates, which
no file can hold."""
FORMULA_PREFIXES = ("=", "+", "-", "@")
EMPTY_CELL = "\N{EN DASH}"
"""A table's cell without a value."""


def visible(text: str) -> str:
    """The text with control characters replaced; its lines and spaces stay."""
    return CONTROL_CHARACTERS.sub("\N{REPLACEMENT CHARACTER}", text)


def plain(text: str) -> str:
    """The text on one line, with control characters replaced."""
    return visible(" ".join(text.split()))


def duration(seconds: float) -> str:
    """Seconds in readable form: `0.3s`, `48s`, `3m20s`, `2h05m`. Only 0 is shown as `0s`."""
    if 0 < seconds < 0.95:
        return f"{max(0.1, seconds):.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    minutes = round(seconds / 60)
    return f"{minutes // 60}h{minutes % 60:02d}m"


@lru_cache(maxsize=4096)
def cell(text: str) -> str:
    """Text for a CSV cell on one line, as `guarded` makes it."""
    return guarded(plain(text))


def guarded(text: str) -> str:
    """Text that no spreadsheet reads as a formula: an apostrophe goes before one that starts like a
    formula and is not a number. `unguarded` takes it away."""
    return f"'{text}" if _is_guarded(text) and not _is_number(text) else text


def unguarded(text: str) -> str:
    """The text of which `guarded` made this one."""
    return text[1:] if text.startswith("'") and _is_guarded(text[1:]) else text


def _is_guarded(text: str) -> bool:
    """Whether a text starts like a formula, behind any number of apostrophes."""
    return text.lstrip("'").startswith(FORMULA_PREFIXES)


def short_value(value: object) -> str:
    """A hyperparameter from trials.csv: floats to three digits, `none` for an empty cell or NaN."""
    if value == "" or value is None or value != value:
        return "none"
    try:
        return str(value) if str(value).lstrip("-").isdigit() else f"{float(str(value)):.3g}"
    except ValueError:
        return str(value)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def epochs_of(epochs: int, size: int | None) -> str:
    """`10 epochs`, `1 epoch`; `10 epochs of 2,000 sentences` where these are not all."""
    return counted(epochs, "epoch") + ("" if size is None else f" of {counted(size, 'sentence')}")


def counted(number: int, noun: str, nouns: str | None = None) -> str:
    """`1 trial`, `1,440 trials`; `nouns` is the plural where it has no plain `s`."""
    return f"{number:,} {noun if number == 1 else nouns or f'{noun}s'}"


def data_name(spec: Mapping[str, Any]) -> str:
    """The data set of a search as tables name it: part of one is another."""
    names = ["oos_label", "limit", "shots"]
    if spec.get("shots") is not None and spec.get("shots_seed"):
        names.append("shots_seed")
    names.append("folds")
    given = " ".join(
        f"--{name.replace('_', '-')} {spec[name]}" for name in names if spec.get(name) is not None
    )
    return f"{spec['data']} ({given})" if given else str(spec["data"])
