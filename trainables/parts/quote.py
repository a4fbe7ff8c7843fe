"""What a message says of a user's value or of a library's error: on one line, printable, and
short."""

import reprlib
from collections.abc import Iterable

LIMIT = 200
"""Characters that a quoted value or a reason may take."""

_short = reprlib.Repr()
_short.maxstring = _short.maxother = LIMIT


def quoted(value: object) -> str:
    """Text between quotes, else as Python writes the value: what is long loses its middle, what is
    nested is never walked whole."""
    return f"'{printable(value)}'" if isinstance(value, str) else printable(_short.repr(value))


def listed(names: Iterable[object]) -> str:
    """Names side by side, the first twenty of them."""
    found = [printable(str(name), 40) for name in names]
    return ", ".join([*found[:20], *(["..."] if len(found) > 20 else [])]) or "none"


def reason(error: BaseException) -> str:
    """What an error says; the name of its type where it says nothing."""
    return printable(" ".join(str(error).split())) or type(error).__name__


def printable(text: str, limit: int = LIMIT) -> str:
    """Text in which line breaks and what else is not for reading are escaped, and the middle is
    left out where it is long."""
    if len(text) > limit:
        text = f"{text[: limit // 2]}...{text[-(limit // 2 - 3) :]}"
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
