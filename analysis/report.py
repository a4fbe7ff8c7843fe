"""The report of searches: `python -m analysis.report [RESULTS] [--out FILE]`.

Writes to RESULTS one HTML page, `report.html`; the same without figures as Markdown, `report.md`;
every figure as an SVG file in `report_figures/`; and the numbers behind them as CSV files,
`report_TABLE.csv` for each of `analysis.tables`.
"""

import re
import secrets
from collections.abc import Sequence
from pathlib import Path

import pandas
from pandas.api.types import is_numeric_dtype

from analysis.command import OK, Parser, exit_code, user_path
from analysis.evidence import Evidence
from analysis.page.blocks import Drawing, Figures, Section
from analysis.page.html import html_page
from analysis.page.markdown import markdown_page
from analysis.read.folder import Search, is_search, read_searches
from analysis.sections import sections
from analysis.tables import tables
from analysis.text import cell

TITLE = "Regimen: search results"
SVG_START = (
    '<svg xmlns="http://www.w3.org/2000/svg" style="background: white; color: black; font-family:'
    ' sans-serif" '
)
"""How a figure's file starts."""


def report(results: Path, out: Path | None = None) -> Path:
    """Write the report of the search in `results`, or of those in its subfolders.

    Returns the HTML file. Raises ValueError if there is no search, a file of one is damaged, or
    `out` does not end in .html; OSError if the report can't be written.
    """
    out = results / "report.html" if out is None else out
    if out.suffix.lower() != ".html":
        raise ValueError(f"the report must be a file that ends in .html; got '{out}'")
    searches = read_searches(results)
    evidence = _evidence(results, searches)
    parts = sections(searches, evidence)
    for name, frame in tables(searches, evidence).items():
        _write(out.with_name(f"{out.stem}_{name}.csv"), _csv(frame))
    write_figures(out.with_name(f"{out.stem}_figures"), parts)
    _write(out.with_suffix(".md"), markdown_page(TITLE, parts))
    _write(out, html_page(TITLE, parts))
    return out


def _evidence(results: Path, searches: Sequence[Search]) -> Evidence:
    """The runs of these searches, and for a single folder those of the folders beside it."""
    summaries = [search.summary for search in searches]
    correct = {search.summary.name: search.correct for search in searches}
    if is_search(results):
        return Evidence.beside(results.resolve().parent, summaries, correct)
    return Evidence(summaries, correct)


def write_figures(folder: Path, parts: Sequence[Section]) -> None:
    """Write each figure as an SVG file on white, named after its place in the report.

    Figures of an earlier report are removed; other files stay.
    """
    written = set()
    for number, section in enumerate(parts):
        drawings = [
            drawing
            for block in section.blocks
            if isinstance(block, Figures)
            for drawing in block.drawings
        ]
        for place, drawing in enumerate(drawings, 1):
            path = folder / f"{number}-{place:02d}-{_slug(drawing)}.svg"
            _write(path, drawing.svg.replace("<svg ", SVG_START, 1))
            written.add(path)
    for path in set(folder.glob("*.svg")) - written:
        if path.is_file() and _is_ours(path):
            path.unlink()


def _slug(drawing: Drawing) -> str:
    return re.sub("[^a-z0-9]+", "-", drawing.title.lower())[:40].strip("-")


def _is_ours(path: Path) -> bool:
    """Whether an earlier report wrote this figure: no other program's file starts like ours."""
    return path.read_text(encoding="utf-8", errors="replace").startswith(SVG_START)


def _csv(frame: pandas.DataFrame) -> str:
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


def _write(path: Path, text: str) -> None:
    """Write a file atomically: to a temporary file beside it, which is then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    # Mode "x" fails if the file exists, so nobody else's file is overwritten or removed.
    with beside.open("x", encoding="utf-8") as file:
        try:
            file.write(text)
            file.close()
            beside.replace(path)
        except BaseException:
            beside.unlink()
            raise


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
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
    args = parser.parse_args(argv)
    return exit_code(lambda: _print_report(args.results, args.out))


def _print_report(results: Path, out: Path | None) -> int:
    with user_path(out or results):
        print(report(results, out))
    return OK


if __name__ == "__main__":
    raise SystemExit(main())
