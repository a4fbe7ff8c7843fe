"""Tables and reports as Markdown, as GitHub and MLflow render it."""

import re
from collections.abc import Iterable, Sequence

import pandas

from analysis.page.blocks import (
    Answer,
    Block,
    Code,
    Details,
    Figures,
    Notes,
    Paragraph,
    Section,
    Table,
)
from analysis.text import plain


def markdown(frame: pandas.DataFrame) -> str:
    """A table without its index. Markup in cells and column names is escaped."""
    lines = [_row(map(str, frame.columns)), "|" + " --- |" * len(frame.columns)]
    lines += [_row(map(str, row)) for row in frame.itertuples(index=False, name=None)]
    return "\n".join(lines) + "\n"


def bullets(items: Iterable[str]) -> str:
    """A bulleted list, an item per line."""
    return "".join(f"- {escaped(item)}\n" for item in items)


def markdown_page(title: str, sections: Sequence[Section]) -> str:
    """A report without its figures."""
    parts = [f"# {escaped(title)}\n"]
    for section in sections:
        parts.append(f"## {escaped(section.title)}\n")
        parts += _blocks(section.blocks)
    return "\n".join(parts)


def escaped(text: str) -> str:
    """Text on one line, with Markdown and HTML markup escaped.

    Underscores stay: inside words they are not emphasis.
    """
    text = plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*\[\]|])", r"\\\1", text)


def _blocks(blocks: Sequence[Block]) -> list[str]:
    return [_block(block) for block in blocks if not isinstance(block, Figures)]


def _block(block: Block) -> str:
    match block:
        case Paragraph(text):
            return f"{escaped(text)}\n"
        case Notes(items):
            return bullets(items)
        case Table(caption, frame):
            return f"{escaped(caption)}\n\n{markdown(frame)}"
        case Code(title, lines):
            return f"{escaped(title)}\n\n" + "".join(
                # In a code block nothing is escaped; text that looks like a tag is no code of ours.
                f"    {plain(line).replace(chr(60), chr(0x2039))}\n"
                for line in lines
            )
        case Answer():
            return _answer(block)
        case Details(title, answer, blocks):
            first = f"\n{escaped(answer)}\n" if answer else ""
            inner = "\n".join(_blocks(blocks))
            return f"### {escaped(title)}\n{first}\n{inner}"
        case Figures():
            raise TypeError("a figure has no Markdown")


def _answer(answer: Answer) -> str:
    facts = [f"{fact.question}: {fact.answer} ({fact.note})" for fact in answer.facts]
    parts = [
        f"{escaped(answer.headline)}\n",
        bullets(facts),
        f"{escaped(answer.verdict)}\n",
        *([bullets(answer.warnings)] if answer.warnings else []),
        *map(_block, answer.codes),
        bullets(f"{name}: {value}" for name, value in answer.provenance),
    ]
    return "\n".join(parts)


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(escaped(cell) for cell in cells) + " |"
