"""python -m search.compare: a table of several searches, and which of them won."""

import argparse
from collections.abc import Sequence
from dataclasses import replace

from analysis.command import OK, Parser, exit_code, program
from search.folders import add_results_flag, existing_folder
from trainables.parts.quote import quoted


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    parser = Parser(
        prog=program("search.compare"),
        description=(
            "Print the searches side by side, the highest score first, and whether the winner is"
            " significantly better. Searches by different metrics are compared by accuracy."
        ),
    )
    parser.add_argument("names", metavar="NAME", nargs="+", help="Names of two or more searches")
    add_results_flag(parser)
    args = parser.parse_args(argv)
    return exit_code(lambda: _run(args))


def _run(args: argparse.Namespace) -> int:
    names = list(dict.fromkeys(args.names))
    if len(names) < 2:
        raise ValueError(f"name two or more searches to compare; got only {quoted(names[0])}")
    folders = [existing_folder(args.results, name) for name in names]
    # These take seconds.
    from analysis.evidence import Evidence
    from analysis.read.folder import read_search
    from search.terminal.console import SafeConsole
    from search.terminal.outcome import print_outcome

    summaries = [read_search(folder).summary for folder in folders]
    if len({summary.metric for summary in summaries}) > 1:
        summaries = [read_search(folder, "accuracy").summary for folder in folders]
    # A folder may have been renamed or copied.
    summaries = [replace(row, name=folder.name) for row, folder in zip(summaries, folders)]
    results = folders[0].parent
    console = SafeConsole(highlight=False, soft_wrap=True, markup=False)
    print_outcome(console, summaries, Evidence.beside(results, summaries), results, quiet=False)
    return OK


if __name__ == "__main__":
    raise SystemExit(main())
