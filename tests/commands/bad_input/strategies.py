"""Generated values: texts, numbers, flags and nested values, likely and unlikely ones."""

import json
import random
from typing import Any

from hypothesis import strategies as st

ODD_TEXTS = [
    "",
    " ",
    "\t\n",
    "\0",
    "a\0b",
    "\ud83d",
    "broken \udcff bytes",
    "\U0001f60a\U0001f1e9\U0001f1ea",
    "שלום עולם",
    "\u202eright to left",
    "\x1b[31mred",
    "two\nlines",
    "two\r\nlines\x0b\x85\u2028",
    "\ufeffmark",
    "\ufffd",
    "word " * 5000,
    "x" * 50_000,
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "/",
    ".",
    "..",
    "~",
    "~nobody/x",
    "a" * 300,
    "=1+1",
    '"',
    "'",
    ",",
    "{}",
    "[" * 1000,
    "%s %(x)s {0}",
    "\\",
    "[PAD]",
    "[CLS] [SEP] [MASK]",
    "‮",
    "nan",
    "NULL",
    "none",
    "1" * 5000,
]
ODD_NUMBERS = [
    *(0, -0.0, 1, -1, 2**31, 2**63, -(2**63), 10**30, 10**400, 1e308, 1e-320),
    *(float("nan"), float("inf"), float("-inf")),
]
letters = st.text(st.characters(exclude_categories=()), max_size=20)  # surrogates too
texts = st.one_of(st.sampled_from(ODD_TEXTS), letters)
scalars = st.one_of(
    texts, st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(ODD_NUMBERS)
)
values = st.one_of(
    scalars,
    st.recursive(
        scalars,
        lambda part: st.lists(part, max_size=3) | st.dictionaries(letters, part, max_size=3),
        max_leaves=6,
    ),
)
NUMBERS = [
    *("0", "-1", "1", "1e999", "-inf", "inf", "nan", "1e-320", "1.5", "0x10", "1_0"),
    *("9" * 30, "9" * 5000, "-" + "9" * 400),
]
WORDS = [
    *("auto", "none", "2h", "0s", "1d", "99999999999h", "3x2", "0x0", "9" * 400 + "x1"),
    *("all", "tpe", "٣", "x=1", "="),
]
CONFIG_VALUES = [
    *("dropout=nan", "dropout=inf", "batch_size=1e5", "=1", "dropout", "a\nb=1"),
    *("head_width=1" + "0" * 400, "dropout=" + "9" * 5000),
]
SOURCES = [
    *("https://me:secret@x", "http://[", "sqlite://", "://", "file:///dev/null"),
    *("hub:", "hub:../..", "massive:x", "/dev/zero"),
]
flag_values = st.one_of(
    texts,
    *map(st.sampled_from, (NUMBERS, WORDS, CONFIG_VALUES, SOURCES)),
    st.integers().map(str),
    st.floats().map(str),
)
damages = st.integers(0, 2**32).map(random.Random)
"""Sources of random numbers, with which something is damaged."""
GOOD = [
    {"text": f"{word} number {i}", "label": label}
    for i in range(4)
    for word, label in (("hello", "greet"), ("bye", "leave"))
]
"""Rows of valid data."""


def is_writable(value: Any) -> bool:
    """Whether json and yaml can write a value."""
    try:
        json.dumps(value)
        return True
    except ValueError:
        return False


def to_json(row: Any) -> str:
    """A row as JSON; a number of more digits than Python writes becomes another such number."""
    try:
        return json.dumps(row)
    except ValueError:
        return '{"text": "a", "label": 1' + "0" * 5000 + "}"


YAMLS = [
    "!!python/object/apply:os.system ['touch MARKER']",
    "regime: !!python/object/apply:pathlib.Path.touch [MARKER]",
    "!!python/name:os.system ''",
    "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nconfig: *c",
    "a: &a\n  b: *a",
    "--- 1\n--- 2",
    "!!int ''",
    "!!bool x",
    "!!timestamp x",
    "a: 2024-99-99",
    "? [1, 2]\n: 3",
    "<<: 3",
    "a: !!binary x",
    "\t",
    "%YAML 9.9\n---\n{}",
    "[" * 2000,
    "a: " + "1" * 5000,
]
"""Documents that run code, grow without end, or are not valid."""
