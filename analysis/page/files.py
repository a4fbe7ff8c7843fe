"""The report's files: figures and tables."""

import re
from collections.abc import Sequence
from pathlib import Path

import pandas
from pandas.api.types import is_numeric_dtype

from analysis.atomic import write
from analysis.page.blocks import Drawing, Section, drawings
from analysis.text import cell

SVG_START = (
    '<svg xmlns="http://www.w3.org/2000/svg" style="background: white; color: black; font-family:'
    ' sans-serif" '
)
"""How a figure's file starts."""


def write_figures(folder: Path, parts: Sequence[Section]) -> None:
    """Write each figure as an SVG file on white, named after its place in the report.

    Figures of an earlier report are removed; other files stay.
    """
    written = set()
    for number, section in enumerate(parts):
        for place, drawing in enumerate(drawings(section.blocks), 1):
            path = folder / f"{number}-{place:02d}-{slug(drawing)}.svg"
            write(path, drawing.svg.replace("<svg ", SVG_START, 1))
            written.add(path)
    for path in set(folder.glob("*.svg")) - written:
        if path.is_file() and is_ours(path):
            path.unlink()


def slug(drawing: Drawing) -> str:
    """A figure's title as part of a file's name."""
    return re.sub("[^a-z0-9]+", "-", drawing.title.lower())[:40].strip("-")


NAME = re.compile(r"\d+-\d\d-[a-z0-9-]*\.svg")
"""How a figure's file is named."""


def is_ours(path: Path) -> bool:
    """Whether an earlier report wrote this figure: its name, and how it starts. A copy of a figure
    under a name of the user's own is the user's."""
    if path.is_symlink() or not NAME.fullmatch(path.name):
        return False
    return path.read_text(encoding="utf-8", errors="replace").startswith(SVG_START)


def csv_text(frame: pandas.DataFrame) -> str:
    """CSV whose text no spreadsheet reads as a formula."""
    frame = frame.rename(columns=cell)
    texts = {
        str(name): column.map(_safe_cell)
        for name, column in frame.items()
        if not is_numeric_dtype(column)
    }
    return frame.assign(**texts).to_csv(index=False)


def _safe_cell(value: object) -> object:
    """A column may mix one search's numbers with another's text."""
    return cell(value) if isinstance(value, str) else value
