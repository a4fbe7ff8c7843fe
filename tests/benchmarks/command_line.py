"""Flags and exit codes of the programs that train random configurations."""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from analysis.command import INTERRUPTED, OK, USER_ERROR, refusal
from tests.benchmarks import corpus, runs
from tests.benchmarks.runs import Run


def add_flags(
    parser: argparse.ArgumentParser, *, configurations: int, sentences: int | None = None
) -> None:
    """The flags of a program that trains random configurations, with these defaults."""
    parser.add_argument(
        "--configurations",
        type=int,
        default=configurations,
        metavar="N",
        help=f"of a regime (default: {configurations})",
    )
    parser.add_argument(
        "--data",
        default="embedded",
        metavar="SOURCE",
        help="as search.run has it (default: embedded)",
    )
    parser.add_argument(
        "--sentences",
        type=int,
        default=sentences,
        metavar="N",
        help=f"training sentences to use, drawn at random (default: {sentences or 'all'})",
    )
    parser.add_argument(
        "--processes",
        type=int,
        default=os.cpu_count() or 1,
        metavar="N",
        help="side by side, a thread each (default: a core each)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help="JSON lines, one a run; what is there is not trained again",
    )


def run(
    args: argparse.Namespace,
    seed: int,
    models: Sequence[str],
    wanted: Iterable[Run],
    table: Callable[[list[Run]], str],
) -> int:
    """Train what is wanted with these models, print its table and return the exit code.

    `args` has the flags of `add_flags`; `seed` draws the training sentences.
    """
    try:
        rows = list(wanted)
        with tempfile.TemporaryDirectory() as folder:
            corpus.write(args.data, args.sentences, seed, Path(folder))
            ended = runs.complete(
                rows,
                args.out,
                runs.train,
                processes=args.processes,
                begin=runs.begin,
                arguments=(folder, *models),
            )
    except ValueError as error:
        print(refusal(error), file=sys.stderr)
        return USER_ERROR
    if len(ended) < len(rows):
        return INTERRUPTED
    print(table(ended))
    return OK
