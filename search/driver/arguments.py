"""The command line of `search.run`: a flag for each field of SearchSpec, and a few more."""

import argparse
import contextlib
import json
import os
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import trainables
from analysis.command import Parser, program
from search.flag import add_flags, flag_of, sentence
from search.folders import (
    SPEC_FILE,
    existing_folder,
    folder_of,
    require_free,
    results_folder,
    valid_name,
)
from search.race import MAX_CANDIDATES
from search.spec import MIN_CPUS_PER_TRIAL, SearchSpec
from trainables.parts.config import checked
from trainables.parts.docstrings import field_docstrings
from trainables.parts.quote import quoted

SEVERAL = ("auto", "all")
"""What `--regime` takes beside a regime: several of them."""


def parser(spec: type[SearchSpec] = SearchSpec) -> argparse.ArgumentParser:
    """The parser: a flag for each field of `spec`, and those that are no field's."""
    parser = Parser(
        prog=program("search.run"),
        description=(
            "Search the hyperparameters of a training regime, rerun the best configurations to"
            " choose the winner, report the winner on fresh seeds, and compare it with the paper."
        ),
    )
    docstrings = field_docstrings(spec)
    parser.add_argument(
        "--regime",
        metavar="NAME",
        help=(
            f"{sentence(docstrings['regime'])}: one of {', '.join(trainables.names())}; a list"
            " such as baseline,llrd; all: one search for each regime that has hyperparameters;"
            " auto: one budget of trials for all regimes that train the encoder"
        ),
    )
    add_flags(parser, spec, (field.name for field in fields(spec) if not flag_of(field).hidden))
    _add_reruns(parser)
    parser.add_argument(
        "--fix",
        nargs="+",
        action="extend",
        default=[],
        metavar="FIELD=VALUE",
        help=sentence(docstrings["fix"]),
    )
    _add_modes(parser)
    return parser


def _add_reruns(parser: argparse.ArgumentParser) -> None:
    """How the winner is chosen and reported."""
    parser.add_argument(
        "--confirm",
        metavar="auto|KxN",
        help=(
            "How the winner is chosen. KxN: run the best K configurations on N other seeds each."
            f" auto: run those within one standard error of the best, at most {MAX_CANDIDATES}, on"
            " one more seed at a time, until one is ahead, the rest are equal (--indifference), or"
            " these runs have used a quarter as many epochs as the trials did (default: auto)"
        ),
    )
    parser.add_argument(
        "--no-confirm",
        action="store_true",
        help="Skip the choice runs, the report runs and the test split",
    )


def _add_modes(parser: argparse.ArgumentParser) -> None:
    """What the command does: begin, continue or plan searches, and what it prints."""
    parser.add_argument(
        "--resume", metavar="NAME", help="Continue a search; --trials may be higher than before"
    )
    parser.add_argument(
        "--start-or-resume",
        action="store_true",
        help=(
            "With --regime and --name: begin the search, continue it if it has begun, or print its"
            " result if it has ended, so that the same command is safe to repeat"
        ),
    )
    parser.add_argument(
        "--cold",
        action="store_true",
        help=(
            "With --regime all or a list: run each search independently; without this flag, a"
            " search also tries the best configuration of the searches before it"
        ),
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help=(
            "Print the search space, trial 0, the plan and its estimated cost; without --regime,"
            " describe the data; write nothing"
        ),
    )
    parser.add_argument(
        "--quiet", action="store_true", help="Print only the table, errors and the next commands"
    )


def parse(argv: Sequence[str] | None, spec: type[SearchSpec] = SearchSpec) -> argparse.Namespace:
    """The flags, checked as far as that needs no import of the regimes, which takes seconds.

    Raises ValueError with one line.
    """
    words = sys.argv[1:] if argv is None else argv
    for text in words:
        if text != text.encode("utf-8", "replace").decode():
            # Ray records its driver's command line, and does not start with such a one.
            raise ValueError(f"flags and their values must be valid UTF-8; got {quoted(text)}")
    args = parser(spec).parse_args(words)
    if args.dry_run and args.quiet:
        raise ValueError(
            "--dry-run and --quiet cannot be combined: --quiet would hide the dry run's output"
        )
    regimes = trainables.names()
    if args.start_or_resume and (
        args.resume is not None or args.name is None or args.regime is None
    ):
        raise ValueError(
            "--start-or-resume needs --regime and --name, and cannot be combined with --resume"
        )
    if args.resume is not None:
        existing_folder(results_of(args), args.resume)
    elif not args.regime and args.dry_run:
        pass  # The data is described.
    elif not args.regime:
        raise ValueError(f"--regime is missing; choose auto, all, or one of: {', '.join(regimes)}")
    elif args.regime not in SEVERAL:
        _require_regimes(args.regime.split(","), regimes)
    if args.name is not None:
        valid_name(args.name)
    results_folder(results_of(args))
    given_values(args, spec)  # raises where a value is invalid
    return args


def _require_regimes(names: Sequence[str], regimes: Sequence[str]) -> None:
    """Raise ValueError where one is unknown or there twice."""
    for place, name in enumerate(names):
        if name not in regimes:
            raise ValueError(
                f"--regime must be auto, all, or one or more of: {', '.join(regimes)}; got"
                f" {quoted(name)}"
            )
        if name in names[:place]:
            raise ValueError(f"--regime must name each regime once; got {quoted(name)} twice")


def given_values(args: argparse.Namespace, spec: type[SearchSpec] = SearchSpec) -> dict[str, Any]:
    """The flags that were given, as values of the fields of `spec`; without regime and `fix`.

    With `--trials` and no `--patience`, all trials are run. Raises ValueError with one line.
    """
    values: dict[str, Any] = {}
    kinds = get_type_hints(spec, include_extras=True)
    for field in fields(spec):
        declared, value = flag_of(field), getattr(args, field.name, None)
        name = f"--{field.name.replace('_', '-')}"
        if declared.hidden or value is None:
            continue
        if declared.parse is not None:
            try:
                value = declared.parse(value)
            except ValueError as error:
                raise ValueError(f"{name} must be {error}") from None
        values[field.name] = checked(name, value, kinds[field.name])
    if "trials" in values:
        values.setdefault("patience", None)
    return values | _reruns(args)


def _reruns(args: argparse.Namespace) -> dict[str, int | None]:
    """What `--confirm KxN` and `--no-confirm` mean."""
    if args.confirm is not None and args.no_confirm:
        raise ValueError("--confirm and --no-confirm cannot be combined")
    if args.no_confirm:
        return {"confirm_top": 0}
    if args.confirm is None:
        return {}
    if args.confirm == "auto":
        return {"confirm_top": MAX_CANDIDATES, "confirm_seeds": None}
    match = re.fullmatch(r"([1-9]\d{0,5})x([1-9]\d{0,5})", args.confirm)
    if not match:
        raise ValueError(
            f"--confirm must be auto, or KxN, both at least 1, such as 3x2; got"
            f" {quoted(args.confirm)}"
            " (--no-confirm turns it off)"
        )
    return {"confirm_top": int(match[1]), "confirm_seeds": int(match[2])}


def worker_count(args: argparse.Namespace) -> int:
    """How many trials will run at once on this machine's cores, from the flags and a resumed spec.

    0 where that depends on GPUs, or where the values are invalid.
    """
    stored: Any = {}
    if args.resume is not None:
        with contextlib.suppress(OSError, ValueError, RecursionError):
            # A damaged spec is refused later, when the regimes are imported.
            stored = json.loads((resumed_folder(args) / SPEC_FILE).read_text(encoding="utf-8"))
    values = (stored if isinstance(stored, dict) else {}) | given_values(args)
    cpus = values.get("cpus_per_trial", 1.0)
    if values.get("gpus_per_trial") or not isinstance(cpus, int | float):
        return 0
    if not cpus >= MIN_CPUS_PER_TRIAL:
        return 0
    slots = int((os.cpu_count() or 1) / cpus)
    limit = values.get("max_concurrent")
    return max(0, min(slots, limit)) if isinstance(limit, int) else slots


def resumed_folder(args: argparse.Namespace) -> Path:
    """The folder of the search that `--resume` names."""
    return folder_of(results_of(args), args.resume)


def begun_folders(args: argparse.Namespace) -> list[Path]:
    """The folders of those searches of `--start-or-resume` that have begun."""
    return [folder for folder in _folders(args) if (folder / SPEC_FILE).exists()]


def require_free_names(args: argparse.Namespace) -> None:
    """Raise ValueError where a new search is to have the name of one that is there."""
    if args.resume is None and args.name and args.regime != "auto":
        results = results_of(args)
        given = "" if results == "results" else f" --results {shlex.quote(results)}"
        for folder in _folders(args):
            require_free(folder, given)


def _folders(args: argparse.Namespace) -> list[Path]:
    """The folders of the searches that `--regime` and `--name` ask for."""
    if args.regime in SEVERAL or "," in args.regime:
        regimes = trainables.names() if args.regime in SEVERAL else args.regime.split(",")
        names = [f"{args.name}-{regime}" for regime in regimes]
    else:
        names = [args.name]
    return [results_folder(results_of(args)) / name for name in names]


def results_of(args: argparse.Namespace) -> str:
    """The folder of all searches: `--results` or its default, also for a resumed search."""
    return "results" if args.results is None else args.results
