"""Tables and reports as Markdown, the kind that GitHub and MLflow show."""

import re
from collections.abc import Iterable, Sequence

import pandas

from analysis.page.blocks import Block, Figures, Heading, Notes, Paragraph, Section, Table
from analysis.text import plain


def markdown(frame: pandas.DataFrame) -> str:
    """The frame without its index; each cell its text, with everything escaped that Markdown or
    HTML would read as markup."""
    lines = [_line(map(str, frame.columns)), "|" + " --- |" * len(frame.columns)]
    lines += [_line(map(str, row)) for row in frame.itertuples(index=False, name=None)]
    return "\n".join(lines) + "\n"


def listed(items: Iterable[str]) -> str:
    """Sentences as a list."""
    return "".join(f"- {escaped(item)}\n" for item in items)


def markdown_page(title: str, sections: Sequence[Section]) -> str:
    """A report without its figures."""
    parts = [f"# {escaped(title)}\n"]
    for section in sections:
        parts.append(f"## {escaped(section.title)}\n")
        parts += [text for block in section.blocks if (text := _block(block))]
    return "\n".join(parts)


def escaped(text: str) -> str:
    """One line that Markdown shows as it is. Underscores inside words are no emphasis, and stay."""
    text = plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*\[\]|])", r"\\\1", text)


def _block(block: Block) -> str:
    match block:
        case Paragraph(text):
            return f"{escaped(text)}\n"
        case Heading(text):
            return f"### {escaped(text)}\n"
        case Notes(items):
            return listed(items)
        case Table(caption, frame):
            return f"{escaped(caption)}\n\n{markdown(frame)}"
        case Figures():
            return ""


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(escaped(cell) for cell in cells) + " |"
