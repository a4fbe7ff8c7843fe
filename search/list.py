"""python -m search.list: the searches in a folder, the newest first."""

import argparse
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from analysis.command import OK, Parser, exit_code, program
from analysis.metric import qualifier
from analysis.text import EMPTY_CELL
from search.folders import SPEC_FILE, add_results_flag, names, results_folder
from search.study.last_ending import JOURNAL, UNRECORDED, last_ending
from search.study.lock import require_not_running
from search.terminal.console import SafeConsole, print_table

COLUMNS = ("name", "regime", "score", "state", "when")


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    parser = Parser(
        prog=program("search.list"),
        description=(
            "List the searches in a folder, the newest first: the score by which the winner was"
            " chosen, in percent, whether the search has ended, and when it last recorded data."
        ),
    )
    add_results_flag(parser)
    args = parser.parse_args(argv)
    return exit_code(lambda: _run(args))


def _run(args: argparse.Namespace) -> int:
    results = results_folder(args.results)
    searches = names(results)
    if not searches:
        print(f"no search in '{results}' yet; {program('search.run')} begins one")
        return OK
    import pandas  # It takes a second.

    console = SafeConsole(highlight=False, markup=False)
    rows = [_row(results / name) for name in searches]
    print_table(console, pandas.DataFrame(rows, columns=list(COLUMNS)))
    return OK


def _row(folder: Path) -> tuple[str, ...]:
    """A search's line. One with a damaged file is listed too, and says so."""
    from analysis.read.files import checked_fields, read_json
    from analysis.read.folder import SUMMARY_FILE, read_summary

    when = score = EMPTY_CELL
    try:
        path = folder / JOURNAL
        last = (path if path.exists() else folder / SPEC_FILE).stat().st_mtime
        when = f"{datetime.fromtimestamp(last):%Y-%m-%d %H:%M}"
        spec = checked_fields(
            folder / SPEC_FILE, read_json(folder / SPEC_FILE), {"regime": str, "trials": int}
        )
        regime = spec["regime"]
        summary = read_summary(folder) if (folder / SUMMARY_FILE).exists() else None
        if summary is not None and summary.best_trial is not None:
            score = f"{100 * summary.selection_score:.1f}{qualifier(summary.metric)}"
        finished = summary is not None and summary.trial_count >= spec["trials"]
        return folder.name, str(regime), score, _state(folder, finished=finished), when
    except (OSError, ValueError):
        return folder.name, EMPTY_CELL, EMPTY_CELL, "damaged", when


def _state(folder: Path, *, finished: bool) -> str:
    """`finished`: it has as many trials as it was to have."""
    try:
        require_not_running(folder)
    except ValueError:
        return "running"
    ending = last_ending(folder)
    if ending == UNRECORDED:
        return "ended" if finished else "stopped"
    return "stopped" if ending in (None, "INTERRUPTED") else "ended"


if __name__ == "__main__":
    raise SystemExit(main())
