"""A table as Markdown, the pipe kind that GitHub and MLflow show."""

import re

import pandas


def markdown(frame: pandas.DataFrame) -> str:
    """The frame without its index; each cell its text, with everything escaped that Markdown or HTML would read as markup."""
    lines = [_line(map(str, frame.columns)), "|" + " --- |" * len(frame.columns)]
    lines += [_line(map(str, row)) for row in frame.itertuples(index=False, name=None)]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """One line that Markdown shows as it is. Underscores inside words stay: they are no emphasis."""
    text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*\[\]|])", r"\\\1", text)


def _line(cells: "map[str]") -> str:
    return "| " + " | ".join(escaped(cell) for cell in cells) + " |"
