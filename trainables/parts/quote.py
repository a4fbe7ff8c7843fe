"""Values, names and errors of other programs, quoted in our messages: on one line and short."""

import reprlib
from collections.abc import Iterable

MAX_CHARACTERS = 200
"""Length of a quoted value or error."""
MAX_NAMES = 20
"""Names in a list."""

_short = reprlib.Repr()
_short.maxstring = _short.maxother = MAX_CHARACTERS


def quoted(value: object) -> str:
    """Text in quotes, or the repr of any other value; the middle of a long value is omitted.

    Nested values are only shown to a small depth, so huge ones cost little.
    """
    return f"'{printable(value)}'" if isinstance(value, str) else printable(_short.repr(value))


def listed(names: Iterable[object]) -> str:
    """The first names of a list, separated by commas, or "none"."""
    texts = [printable(str(name), 40) for name in names]
    more = ["..."] if len(texts) > MAX_NAMES else []
    return ", ".join([*texts[:MAX_NAMES], *more]) or "none"


def error_text(error: BaseException) -> str:
    """The message of an error on one line, or the name of its type if it has none."""
    return printable(" ".join(str(error).split())) or type(error).__name__


def printable(text: str, limit: int = MAX_CHARACTERS) -> str:
    """Text with unprintable characters escaped; the middle is omitted beyond `limit`."""
    if len(text) > limit:
        text = f"{text[: limit // 2]}...{text[-(limit // 2 - 3) :]}"
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
