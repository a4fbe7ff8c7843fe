"""python -m search.sync: log to MLflow what it lacks of a search, e.g. after it was unavailable."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from analysis.command import OK, Parser, exit_code, program
from search.folders import add_results_flag, existing_folder
from search.spec import SearchSpec
from search.study.lock import search_lock
from trainables.parts.quote import error_text


def sync(folder: Path, uri: str | None = None) -> str:
    """Log to MLflow what it lacks of the search in `folder`; returns a sentence about it.

    `uri` defaults to the store of the search. Logging is idempotent. Raises ValueError where the
    folder holds no search or a running one, or where no MLflow answers; OSError where MLflow fails
    later or the disk does.
    """
    folder = folder.expanduser().absolute()
    # These import the regimes and MLflow, which takes seconds.
    from analysis.read.folder import TABLE_FILE
    from search.outputs.tables import facts_of, summarise
    from search.study import records
    from search.study import study as studies
    from search.tracking.identity import was_interrupted
    from search.tracking.store import connect, tracking_uri, without_password
    from search.tracking.tracker import Tracker

    spec = replace(SearchSpec.read(folder), name=folder.name, results=str(folder.parent))
    with search_lock(folder):
        study = studies.read_study(folder)
        store = tracking_uri(uri or spec.tracking_uri, spec.results)
        tracker = Tracker(connect(store, spec.results), spec, records.TAGS.read(study))
        table = folder / TABLE_FILE
        note = table.read_text(encoding="utf-8") if table.is_file() else None
        shown = without_password(store, store)
        try:
            summary = summarise(study, spec, facts_of(folder))
            tracker.finish(study, summary, note, interrupted=was_interrupted(study, spec))
        except Exception as error:  # requests, sqlalchemy and mlflow raise errors of their own.
            why = without_password(error_text(error), store)
            raise OSError(
                f"some data of '{spec.name}' is still missing in MLflow at '{shown}': {why}"
            ) from error
    runs, epochs = tracker.recorder.runs_started, tracker.recorder.epochs_logged
    if not runs and not epochs:
        return f"MLflow at '{shown}' already has every epoch of '{spec.name}'"
    return (
        f"logged {runs} runs and {epochs} epochs of '{spec.name}' that were missing in MLflow at"
        f" '{shown}'"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns the exit code."""
    parser = Parser(
        prog=program("search.sync"),
        description="Log data of a search that is missing in MLflow. Logging is idempotent.",
    )
    parser.add_argument("name", metavar="NAME", help="Name of the search")
    add_results_flag(parser)
    parser.add_argument(
        "--tracking-uri",
        metavar="URI",
        help="MLflow server or store (default: the one that the search used)",
    )
    args = parser.parse_args(argv)
    return exit_code(lambda: _run(args))


def _run(args: argparse.Namespace) -> int:
    print(sync(existing_folder(args.results, args.name), args.tracking_uri))
    return OK


if __name__ == "__main__":
    raise SystemExit(main())
