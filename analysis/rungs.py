"""How early can a trial be judged? `python -m analysis.rungs RESULTS/NAME`.

Prints a row per epoch of a search without pruning: Spearman's rank correlation of the score then
with the final one, over all completed trials and over their better half; the score that pruning
two thirds of the trials at that epoch would have lost; and the number of trials.
"""

from collections.abc import Sequence
from pathlib import Path

from analysis.command import OK, Parser, exit_code


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = Parser(prog="python -m analysis.rungs", description=__doc__)
    parser.add_argument(
        "folder",
        type=Path,
        metavar="RESULTS/NAME",
        help="a search's folder; the search should have used --scheduler none",
    )
    args = parser.parse_args(argv)
    return exit_code(lambda: _print_rungs(args.folder))


def _print_rungs(folder: Path) -> int:
    # These import pandas, which `--help` does not wait for.
    from analysis.budget.rungs import rung_correlations
    from analysis.read.folder import read_search

    search = read_search(folder)
    table = rung_correlations(search.trials, search.epochs)
    print(table.to_string(index=False, float_format=lambda value: f"{value:.3f}"))
    return OK


if __name__ == "__main__":
    raise SystemExit(main())
