"""What a report is made of, whatever it is written as: sections of paragraphs, lists, tables and
figures. All text is plain."""

from dataclasses import dataclass

import pandas


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    text: str


@dataclass(frozen=True)
class Heading:
    """What the blocks below it answer."""

    text: str


@dataclass(frozen=True)
class Notes:
    """A list of sentences."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Cells of text under a caption."""

    caption: str
    frame: pandas.DataFrame


@dataclass(frozen=True)
class Drawing:
    """One figure."""

    title: str
    reading: str
    """How to read it: a sentence or two."""
    svg: str
    """An <svg> element, drawn by `analysis.figures`: the only markup that a report takes as it
    is."""
    wide: bool = False
    """Whether it takes a row of its own."""


@dataclass(frozen=True)
class Figures:
    """Drawings side by side where there is room."""

    drawings: tuple[Drawing, ...]


Block = Paragraph | Heading | Notes | Table | Figures


@dataclass(frozen=True)
class Section:
    """A titled part of a report."""

    title: str
    blocks: tuple[Block, ...]
