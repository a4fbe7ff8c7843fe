"""The report of searches: `python -m analysis.report [RESULTS] [--out FILE]`.

Writes to RESULTS one HTML page, `report.html`; the same without figures as Markdown, `report.md`;
every figure as an SVG file in `report_figures/`; and the numbers behind them as CSV files,
`report_TABLE.csv` for each of `analysis.tables`.
"""

import gc
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.command import OK, Parser, exit_code, program, user_path

if TYPE_CHECKING:
    from analysis.evidence import Evidence
    from analysis.read.folder import Search

TITLE = "Regimen: search results"
TITLE_WITHIN_CHARACTERS = 4096
"""Characters of a page among which its title is."""


def report(results: Path, out: Path | None = None) -> Path:
    """Write the report of the search in `results`, or of those in its subfolders.

    Returns the HTML file. Raises ValueError if there is no search, a file of one is damaged, or
    `out` does not end in .html; OSError if the report can't be written.
    """
    # These import pandas and matplotlib, which `--help` does not wait for.
    import pandas

    from analysis.atomic import write
    from analysis.page.files import csv_text, write_figures
    from analysis.page.html import html_page
    from analysis.page.markdown import markdown_page
    from analysis.read.folder import REPORT_FILE, is_search, read_searches
    from analysis.sections import sections
    from analysis.tables import tables

    if out is not None or not is_search(results):  # In a search's folder, these names are its own.
        _check_out(out or results / REPORT_FILE)
    out = out or results / REPORT_FILE
    # Texts are taken out of these small tables one by one, which is slow with Arrow's arrays.
    with pandas.option_context("mode.string_storage", "python"):
        searches = read_searches(results)
        evidence = _evidence(results, searches)
        parts = sections(searches, evidence)
        # The page first: by it the next report knows that the files beside it are its own.
        write(out, html_page(TITLE, parts))
        write(out.with_suffix(".md"), markdown_page(TITLE, parts))
        for name, frame in tables(searches, evidence).items():
            write(out.with_name(f"{out.stem}_{name}.csv"), csv_text(frame))
        write_figures(out.with_name(f"{out.stem}_figures"), parts)
    return out


def _check_out(out: Path) -> None:
    """Raise ValueError where a report at `out` would replace a file that no report wrote."""
    from analysis.tables import NAMES

    if out.suffix.lower() != ".html":
        raise ValueError(f"the report must be a file that ends in .html; got '{out}'")
    for path, mark in ((out, f"<title>{TITLE}</title>"), (out.with_suffix(".md"), f"# {TITLE}\n")):
        if path.is_file():
            with path.open(encoding="utf-8", errors="replace") as page:
                if mark in page.read(TITLE_WITHIN_CHARACTERS):
                    return
    tables = (out.with_name(f"{out.stem}_{name}.csv") for name in NAMES)
    for path in (out, out.with_suffix(".md"), *tables):
        if os.path.lexists(path):
            raise ValueError(
                f"'{path}' exists and was not written by a report; name another page with --out"
            )


def _evidence(results: Path, searches: "Sequence[Search]") -> "Evidence":
    """The runs of these searches, and for a single folder those of the folders beside it."""
    from analysis.evidence import Evidence
    from analysis.read.folder import is_search

    summaries = [search.summary for search in searches]
    correct = {search.summary.name: search.correct for search in searches}
    if is_search(results):
        return Evidence.beside(results.resolve().parent, summaries, correct)
    return Evidence(summaries, correct)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = Parser(
        prog=program("analysis.report"),
        description="Write a report of searches: an HTML page, tables and figures.",
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
    # Looking for unused cycles after every 700 objects takes a tenth of the time.
    gc.set_threshold(50_000)
    return exit_code(lambda: _print_report(args.results, args.out))


def _print_report(results: Path, out: Path | None) -> int:
    with user_path(out or results):
        print(report(results, out))
    return OK


if __name__ == "__main__":
    raise SystemExit(main())
