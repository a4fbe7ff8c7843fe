"""python -m search.show: the result of a search, as its end printed it."""

import argparse
from collections.abc import Sequence

from analysis.command import OK, Parser, exit_code, program
from search.folders import add_results_flag, existing_folder


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    parser = Parser(
        prog=program("search.show"),
        description="Print again the result of a search and the next commands.",
    )
    parser.add_argument("name", metavar="NAME", help="Name of the search")
    add_results_flag(parser)
    args = parser.parse_args(argv)
    return exit_code(lambda: _run(args))


def _run(args: argparse.Namespace) -> int:
    existing_folder(args.results, args.name)
    # These import the regimes and Ray's adapters, which takes seconds.
    from search.driver.print_result import print_result
    from search.driver.stored_outcome import stored
    from search.study.lock import require_not_running
    from search.terminal import next_commands
    from search.terminal.console import SafeConsole
    from search.trials.ending import Ending

    console = SafeConsole(highlight=False, soft_wrap=True, markup=False)
    outcome, again = stored(args.results, args.name), None
    try:
        require_not_running(outcome.spec.folder)
        if outcome.ending == Ending.INTERRUPTED:
            again = next_commands.resume(outcome.spec)
    except ValueError as running:
        console.print(f"{running}: the result below may change")
    print_result(console, [outcome], again=again)
    return OK


if __name__ == "__main__":
    raise SystemExit(main())
