"""Label names that people can tell apart wherever they are shown."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable

from trainables.parts.quote import quoted

JOINERS = {"\u200c", "\u200d", *map(chr, range(0xE0020, 0xE0080))}
"""Invisible characters that change how their neighbours look, as in emoji and flags."""
UNSHOWN = ("Cc", "Cs", "Zl", "Zp")
"""Unicode categories of control characters, lone surrogates and line separators."""
DIRECTIONS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Characters that change the direction of what follows."""
MAX_PAIRS_SHOWN = 3


def require_showable(label: str, where: str) -> str:
    """The label. Raises ValueError for one that no table can show as it is."""
    for letter in label:
        if letter in DIRECTIONS or unicodedata.category(letter) in UNSHOWN:
            raise ValueError(
                f"{where} {quoted(label)} has a control character, {ascii(letter)[1:-1]}; a label"
                " is one line of text"
            )
    return label


def require_distinct(labels: Iterable[str], data: str) -> None:
    """Raise ValueError where two labels look the same, so that one was probably meant."""
    seen: dict[str, str] = {}
    for label in labels:
        other = seen.setdefault(_appearance(label), label)
        if other != label:
            first, second = map(quoted, (other, label))
            if unicodedata.normalize("NFC", first) == unicodedata.normalize("NFC", second):
                first, second = map(ascii, (other, label))  # they differ in how accents are stored
            raise ValueError(
                f"{data}: the labels {first} and {second} differ in spaces or invisible characters"
                " only, and would be two classes; make them one"
            )


def differing_in_case(labels: Iterable[str]) -> list[str]:
    """A warning where labels differ in upper and lower case only."""
    alike = defaultdict(list)
    for label in labels:
        alike[label.casefold()].append(label)
    groups = [group for group in alike.values() if len(group) > 1]
    if not groups:
        return []
    shown = "; ".join(" and ".join(map(quoted, group)) for group in groups[:MAX_PAIRS_SHOWN])
    more = "; ..." if len(groups) > MAX_PAIRS_SHOWN else ""
    return [f"labels that differ in upper and lower case only are different classes: {shown}{more}"]


def _appearance(label: str) -> str:
    """What a reader sees of a label."""
    text = unicodedata.normalize("NFC", " ".join(label.split()))
    return "".join(
        letter for letter in text if letter in JOINERS or unicodedata.category(letter) != "Cf"
    )
