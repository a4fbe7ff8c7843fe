"""The report of searches: `python -m analysis.report [RESULTS] [--out FILE]`.

Writes one HTML page, the same without figures as Markdown, and the numbers as CSV: `report.html`, `report.md`,
`report_comparison.csv` (one row a search), `report_trials.csv` (one row a trial, with its best so far) and `report_budget.csv` (the best
to expect of so many trials) in RESULTS.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas
from pandas.api.types import is_numeric_dtype

from analysis import comparison
from analysis.budget import expected_best
from analysis.curves import best_so_far
from analysis.html_page import html_page
from analysis.markdown import markdown_page
from analysis.parser import Parser
from analysis.read import Search, searches
from analysis.sections import sections
from analysis.text import cell, plain

TITLE = "Regimen: what the searches found"
USER_ERROR = 2


def report(results: Path, out: Path | None = None) -> Path:
    """Write the report of the search in `results`, or of those in its folders; return the HTML file.

    Raises ValueError where there is no search, a file of one is damaged, or `out` does not end in .html; OSError where the report
    can't be written.
    """
    out = results / "report.html" if out is None else out
    if out.suffix.lower() != ".html":
        raise ValueError(f"the report is a file that ends in .html; got '{out}'")
    found = searches(results)
    parts = sections(found)
    _write(
        out.with_name(f"{out.stem}_comparison.csv"),
        _csv(comparison.numbers([search.summary for search in found]).convert_dtypes()),
    )
    _write(out.with_name(f"{out.stem}_trials.csv"), _csv(_trials(found)))
    _write(out.with_name(f"{out.stem}_budget.csv"), _csv(_budget(found)))
    _write(out.with_suffix(".md"), markdown_page(TITLE, parts))
    _write(out, html_page(TITLE, parts))
    return out


def _trials(found: Sequence[Search]) -> pandas.DataFrame:
    """All trials of all searches under each other, with the search's name and the best score so far."""
    frames = []
    for search in found:
        best = best_so_far(search.trials)[["number", "best"]].rename(columns={"best": "best_so_far"})
        frame = search.trials.merge(best, on="number", how="left")
        frame.insert(0, "search", search.spec["name"])
        frames.append(frame.convert_dtypes())
    return pandas.concat(frames, ignore_index=True)


def _budget(found: Sequence[Search]) -> pandas.DataFrame:
    """What each search can expect of 1, 2, ... trials."""
    frames = []
    for search in found:
        frame = expected_best(search.trials)
        frame.insert(0, "search", search.spec["name"])
        frames.append(frame)
    return pandas.concat(frames, ignore_index=True)


def _csv(frame: pandas.DataFrame) -> str:
    """CSV that people open in a spreadsheet: no text in it is taken for a formula."""
    frame = frame.rename(columns=cell)
    texts = {name: column.map(cell, na_action="ignore") for name, column in frame.items() if not is_numeric_dtype(column)}
    return frame.assign(**{str(name): column for name, column in texts.items()}).to_csv(index=False)


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all: beside its place first, then renamed into it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def main(argv: Sequence[str] | None = None) -> int:
    """The command: prints the page's path; 2 with one line on stderr where something is wrong with what was asked."""
    parser = Parser(prog="python -m analysis.report", description="Tables, plots and one HTML page from results.")
    parser.add_argument("results", nargs="?", type=Path, default=Path("results"), metavar="RESULTS",
                        help="folder with searches, or one search's folder (default: results)")  # fmt: skip
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
        return USER_ERROR
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
