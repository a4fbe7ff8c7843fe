"""Text for people: what anybody may have written into files, made harmless for who looks at it, and
times in their right unit."""

import re

CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What terminals act on, what turns the direction of text around, and halves of characters, which
no file takes."""
FORMULA = ("=", "+", "-", "@")


def visible(text: str) -> str:
    """The text with every character replaced that is not for reading; its lines and blanks stay."""
    return CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)


def plain(text: str) -> str:
    """The same in one line."""
    return visible(" ".join(text.split()))


def duration(seconds: float) -> str:
    """Seconds as people read them:

    `0.3s`, `48s`, `3m20s`, `2h05m`. What took any time is never shown as none.
    """
    if 0 < seconds < 0.95:
        return f"{max(0.1, seconds):.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    minutes = round(seconds / 60)
    return (
        f"{whole // 60}m{whole % 60:02d}s"
        if whole < 3600
        else f"{minutes // 60}h{minutes % 60:02d}m"
    )


def cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula: what begins like one and is no number has an
    apostrophe before it."""
    text = plain(text)
    return f"'{text}" if text.startswith(FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
