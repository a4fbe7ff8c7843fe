"""A text as data sets, tokenizers and files can hold it."""

from typing import Any

from trainables.parts.quote import quoted


def replace_surrogates(text: str) -> str:
    """The text with `?` for lone surrogates, which JSON escapes can hold and no tokenizer takes."""
    return text.encode("utf-8", "replace").decode()


def valid_text(text: Any) -> str:
    """A text as the model reads it. Raises ValueError for a blank one and for other types."""
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"a text to classify must be a non-blank string; got {quoted(text)}")
    return replace_surrogates(text)
