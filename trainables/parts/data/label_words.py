"""A label's name as a text: `alarm_set` says what `set the alarm` means."""

import re

SEPARATORS = re.compile(r"[\W_]+")
CAMEL_CASE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def label_words(label: str) -> str:
    """The words of a label, split at punctuation and inside camelCase; the label if it has none."""
    return SEPARATORS.sub(" ", CAMEL_CASE.sub(" ", label)).strip().lower() or label
