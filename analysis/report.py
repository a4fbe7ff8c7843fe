"""The report of searches: `python -m analysis.report [RESULTS] [--out FILE]`.

Writes one HTML page, `report.html`, the same without figures as Markdown, `report.md`, every figure
as a picture of its own in `report_figures/`, and every number that is drawn as CSV:
`report_NAME.csv`, a file for each of `analysis.tables`, all of them in RESULTS.
"""

import re
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas
from pandas.api.types import is_numeric_dtype

from analysis.command import Parser
from analysis.page.blocks import Figures, Section
from analysis.page.html import html_page
from analysis.page.markdown import markdown_page
from analysis.read.folder import searches
from analysis.sections import sections
from analysis.tables import tables
from analysis.text import cell, plain

TITLE = "Regimen: what the searches found"
HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" style="background: white; color: black; font-family:'
    ' sans-serif" '
)
"""How a figure's file begins."""
FAILED, USER_ERROR = 1, 2


def report(results: Path, out: Path | None = None) -> Path:
    """Write the report of the search in `results`, or of those in its folders; return the HTML
    file.

    Raises ValueError where there is no search, a file of one is damaged, or `out` does not end in
    .html; OSError where the report can't be written.
    """
    out = results / "report.html" if out is None else out
    if out.suffix.lower() != ".html":
        raise ValueError(f"the report is a file that ends in .html; got '{out}'")
    found = searches(results)
    parts = sections(found)
    for name, frame in tables(found).items():
        _write(out.with_name(f"{out.stem}_{name}.csv"), _csv(frame))
    _write_figures(out.with_name(f"{out.stem}_figures"), parts)
    _write(out.with_suffix(".md"), markdown_page(TITLE, parts))
    _write(out, html_page(TITLE, parts))
    return out


def _csv(frame: pandas.DataFrame) -> str:
    """CSV that people open in a spreadsheet: no text in it is taken for a formula."""
    frame = frame.rename(columns=cell)
    texts = {
        name: column.map(_text) for name, column in frame.items() if not is_numeric_dtype(column)
    }
    return frame.assign(**{str(name): column for name, column in texts.items()}).to_csv(index=False)


def _text(value: object) -> object:
    """A column of one search's numbers and another's texts, or of nothing, has both."""
    return cell(value) if isinstance(value, str) else value


def _write_figures(folder: Path, parts: Sequence[Section]) -> None:
    """Each figure as an SVG file on white, named for where it stands; what an earlier report left
    there is removed."""
    written = set()
    for number, section in enumerate(parts):
        drawings = [
            drawing
            for block in section.blocks
            if isinstance(block, Figures)
            for drawing in block.drawings
        ]
        for place, drawing in enumerate(drawings, 1):
            path = (
                folder
                / f"{number}-{place:02d}-{re.sub('[^a-z0-9]+', '-', drawing.title.lower())[:40].strip('-')}.svg"
            )
            _write(path, drawing.svg.replace("<svg ", HEAD, 1))
            written.add(path)
    for old in set(folder.glob("*.svg")) - written:
        if old.is_file() and old.read_text(encoding="utf-8", errors="replace").startswith(
            HEAD
        ):  # no other program's figure does
            old.unlink()


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all: beside its place first, then renamed into it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with beside.open(
        "x", encoding="utf-8"
    ) as file:  # made here, or refused: nobody else's is written over, or removed
        try:
            file.write(text)
            file.close()
            beside.replace(path)
        except BaseException:
            beside.unlink()
            raise


def main(argv: Sequence[str] | None = None) -> int:
    """The command: prints the page's path, or one line on stderr; 2 where what was asked is wrong,
    1 where the machine fails."""
    parser = Parser(
        prog="python -m analysis.report",
        description="Tables, plots and one HTML page from results.",
    )
    parser.add_argument(
        "results",
        nargs="?",
        type=Path,
        default=Path("results"),
        metavar="RESULTS",
        help="folder with searches, or one search's folder (default: results)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="the HTML file; .md and .csv go beside it (default: RESULTS/report.html)",
    )
    arguments = parser.parse_args(argv)
    try:
        print(report(arguments.results, arguments.out))
    except (ValueError, OSError) as error:
        print(f"error: {plain(str(error))}", file=sys.stderr)
        return (
            USER_ERROR
            if isinstance(error, ValueError | NotADirectoryError | FileExistsError)
            else FAILED
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
