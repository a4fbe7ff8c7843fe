"""The tables of a results page: `python -m analysis.results FOLDER [--add RESULTS/NAME ...]`.

FOLDER holds a small JSON file for each published search; the page beside it, `FOLDER.md`, gets
their tables between two marks, and keeps everything outside them. `--add` writes such a file from
the folder of a finished search: its command, scores, configuration, versions and, as bits, which
sentences it got right, but no rows of data, and no paths.
"""

from collections.abc import Sequence
from pathlib import Path

from analysis.command import OK, Parser, exit_code, program, user_path


def results(folder: Path, add: Sequence[Path] = ()) -> Path:
    """Publish searches into `folder`, then write the page beside it; returns the page.

    Raises ValueError where a search has no whole result, there is none to publish, a file is
    damaged, or the page lacks its marks.
    """
    # These import pandas, which `--help` does not wait for.
    from analysis.published.extract import publish
    from analysis.published.page import rewrite
    from analysis.published.record import read_published, write_published
    from analysis.read.folder import read_search

    page = folder.with_name(f"{folder.name}.md")
    if not add and not folder.is_dir():
        raise ValueError(f"no folder '{folder}' with published searches; --add makes one")
    for published in [publish(read_search(search)) for search in add]:
        write_published(folder, published)
    rewrite(page, read_published(folder))
    return page


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = Parser(
        prog=program("analysis.results"),
        description="Write the tables of published searches into a Markdown page.",
    )
    parser.add_argument(
        "folder",
        type=Path,
        metavar="FOLDER",
        help="folder with the JSON files of published searches; the page is FOLDER.md",
    )
    parser.add_argument(
        "--add",
        nargs="+",
        type=Path,
        default=[],
        metavar="RESULTS/NAME",
        help="folders of finished searches to publish first",
    )
    args = parser.parse_args(argv)
    return exit_code(lambda: _print_results(args.folder, args.add))


def _print_results(folder: Path, add: Sequence[Path]) -> int:
    with user_path(folder):
        print(results(folder, add))
    return OK


if __name__ == "__main__":
    raise SystemExit(main())
