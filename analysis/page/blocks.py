"""The parts of a report, independent of its format: sections of blocks. All text is plain text."""

from dataclasses import dataclass

import pandas


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    text: str


@dataclass(frozen=True)
class Heading:
    """The title of the blocks after it."""

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
class Drawing:
    """One figure."""

    title: str
    caption: str
    """How to read it: a sentence or two."""
    svg: str
    """An <svg> element from `analysis.page.drawing`: the only markup a report includes as it is."""
    wide: bool = False
    """Whether it takes a row of its own."""


@dataclass(frozen=True)
class Figures:
    """Drawings, side by side where there is room."""

    drawings: tuple[Drawing, ...]


Block = Paragraph | Heading | Notes | Table | Figures


@dataclass(frozen=True)
class Section:
    """A titled part of a report."""

    title: str
    blocks: tuple[Block, ...]
