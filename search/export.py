"""python -m search.export: write a search's winner, or its best configurations, as YAML."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from analysis.atomic import write
from analysis.command import OK, Parser, exit_code, program, user_path
from search.folders import add_results_flag, existing_folder


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    parser = Parser(
        prog=program("search.export"),
        description=(
            "Write the winner of a search, or the best floor if nothing beats it, as YAML with"
            " everything needed to train it again with search.train."
        ),
    )
    parser.add_argument("name", metavar="NAME", help="Name of the search")
    parser.add_argument(
        "--top",
        type=int,
        default=1,
        metavar="N",
        help="Number of configurations, the best first (default: 1)",
    )
    parser.add_argument(
        "--floor",
        metavar="REGIME",
        help=(
            "Write this floor of the search instead: majority, tfidf or probe; none: the winner,"
            " even if a floor beats it"
        ),
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="File to write (default: standard output)"
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help=(
            "Replace the file even if it is an edited export, or an export of another search."
            " Without this flag, only an unedited export of the same search is replaced. Any other"
            " file is never replaced"
        ),
    )
    add_results_flag(parser)
    args = parser.parse_args(argv)
    return exit_code(lambda: _run(args))


def _run(args: argparse.Namespace) -> int:
    if args.top < 1:
        raise ValueError(f"--top must be at least 1; got {args.top}")
    folder = existing_folder(args.results, args.name)
    # These import the regimes, which takes seconds.
    from search.outputs.recipe import export
    from search.outputs.replaceable import check_out

    text = export(folder, args.top, args.floor)
    if args.out is None:
        sys.stdout.write(text)
    else:
        check_out(args.out, text, folder, overwrite=args.overwrite)
        with user_path(args.out):
            write(args.out, text)
        print(f"wrote {args.out}")
    return OK


if __name__ == "__main__":
    raise SystemExit(main())
