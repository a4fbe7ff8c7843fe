"""The parts of a report, independent of its format: sections of blocks. All text is plain text."""

from dataclasses import dataclass

import pandas


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    text: str


@dataclass(frozen=True)
class Notes:
    """A bulleted list."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table with a caption; its cells are text."""

    caption: str
    frame: pandas.DataFrame


@dataclass(frozen=True)
class Code:
    """Lines to copy: a configuration or commands."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Fact:
    """A number that answers a question."""

    question: str
    answer: str
    note: str
    """What the number rests on: a few words."""
    wide: bool = False
    """Whether it has a row of its own, as long names do."""


@dataclass(frozen=True)
class Answer:
    """The first screen: who won, by how much, how sure that is, and how to go on."""

    headline: str
    facts: tuple[Fact, ...]
    verdict: str
    """Whether the winner differs significantly from the others: a sentence or two."""
    warnings: tuple[str, ...]
    """What to look at before the result is used, a sentence each."""
    codes: tuple[Code, ...]
    provenance: tuple[tuple[str, str], ...]
    """Names and values: data, model, date, versions."""


@dataclass(frozen=True)
class Drawing:
    """One figure."""

    title: str
    caption: str
    """How to read it: a sentence or two."""
    svg: str
    """An <svg> element from `analysis.page.drawing`: the only markup a report includes as it is."""
    wide: bool = False
    """Whether it takes a row of its own."""
    data: pandas.DataFrame | None = None
    """The numbers it draws, for download."""


@dataclass(frozen=True)
class Figures:
    """Drawings, side by side where there is room."""

    drawings: tuple[Drawing, ...]


@dataclass(frozen=True)
class Details:
    """Blocks that are folded away behind a title and the answer they give."""

    title: str
    answer: str
    blocks: tuple["Block", ...]


Block = Paragraph | Notes | Table | Code | Answer | Figures | Details


@dataclass(frozen=True)
class Section:
    """A titled part of a report."""

    title: str
    blocks: tuple[Block, ...]


def not_drawn(missing: str, trials: int) -> Paragraph:
    """Says from when on a figure is drawn: `slices from 8 completed trials`; there are `trials`."""
    return Paragraph(f"Not drawn yet: {missing} on; these are {trials}.")


def drawings(blocks: tuple[Block, ...]) -> list[Drawing]:
    """All figures among some blocks, folded ones too, in their order."""
    inside: list[Drawing] = []
    for block in blocks:
        if isinstance(block, Figures):
            inside += block.drawings
        elif isinstance(block, Details):
            inside += drawings(block.blocks)
    return inside
