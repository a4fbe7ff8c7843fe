"""The command line of `search.run`: a flag for each field of SearchSpec, and a few more."""

import argparse
import contextlib
import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import MISSING, Field, dataclass, fields, replace
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import trainables
from search.command import Parser
from search.flag import flag_of
from search.spec import MIN_CPUS_PER_TRIAL, SearchSpec, folder_of, valid_name
from trainables.parts.docstrings import field_docstrings
from trainables.parts.quote import quoted


@dataclass(frozen=True)
class Command:
    """What a command line asks for: searches to run one after the other, and how."""

    specs: list[SearchSpec]
    resume: bool
    dry_run: bool
    quiet: bool
    banner: list[str]
    """Notes for the user, a line each: which defaults were not available."""


def parser(spec: type[SearchSpec] = SearchSpec) -> argparse.ArgumentParser:
    """The parser: a flag for each field of `spec`, and those that are no field's."""
    parser = Parser(
        prog="python -m search.run",
        description=(
            "Search the hyperparameters of a training regime, rerun the best configurations to"
            " choose the winner, report the winner on fresh seeds, and compare it with the paper."
        ),
    )
    docstrings, types = field_docstrings(spec), get_type_hints(spec)
    parser.add_argument(
        "--regime",
        metavar="NAME",
        help=f"{_sentence(docstrings['regime'])}: all, or one of {', '.join(trainables.names())}",
    )
    for field in fields(spec):
        if not flag_of(field).hidden:
            _add_flag(parser, field, docstrings.get(field.name, ""), types[field.name])
    parser.add_argument(
        "--confirm",
        metavar="KxN",
        help="Rerun the best K configurations on N seeds to choose the winner (default: 3x2)",
    )
    parser.add_argument(
        "--no-confirm",
        action="store_true",
        help="Skip the reruns, the report seeds and the test split",
    )
    parser.add_argument(
        "--fix",
        nargs="+",
        action="extend",
        default=[],
        metavar="FIELD=VALUE",
        help=_sentence(docstrings["fix"]),
    )
    parser.add_argument(
        "--resume", metavar="NAME", help="Continue a search; --trials may be higher than before"
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="Print the search space, trial 0, the plan and its estimated cost; run nothing",
    )
    parser.add_argument(
        "--quiet", action="store_true", help="Print only the table, errors and the next commands"
    )
    return parser


def _add_flag(
    parser: argparse.ArgumentParser, field: "Field[Any]", docstring: str, kind: Any
) -> None:
    """Add the flag of a field. Without the flag its value is None: the field's default applies."""
    declared = flag_of(field)
    default = declared.unset or _default_text(field.default)
    text = _sentence(docstring) + (f" (default: {default})" if default else "")
    kind = _without_none(kind)
    options: dict[str, Any] = {"help": text.replace("%", "%%"), "default": None}
    if kind is bool:
        options["action"] = argparse.BooleanOptionalAction
    elif get_origin(kind) is Literal:
        options["choices"] = get_args(kind)
    else:
        options["metavar"] = declared.metavar
        options["type"] = str if declared.parse else kind
    parser.add_argument(f"--{field.name.replace('_', '-')}", **options)


def _default_text(value: Any) -> str:
    if value is None or value is MISSING:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _without_none(kind: Any) -> Any:
    """`X` for `X | None`, any other type as it is."""
    if get_origin(kind) not in (Union, UnionType):
        return kind
    (kind,) = (option for option in get_args(kind) if option is not NoneType)
    return kind


def _sentence(docstring: str) -> str:
    """A docstring as argparse shows it: one paragraph without its final period."""
    return " ".join(docstring.split()).removesuffix(".")


def parse(argv: Sequence[str] | None, spec: type[SearchSpec] = SearchSpec) -> argparse.Namespace:
    """The flags, checked as far as that needs no import of the regimes, which takes seconds.

    Raises ValueError with one line.
    """
    given = sys.argv[1:] if argv is None else argv
    for text in given:
        if text != text.encode("utf-8", "replace").decode():
            # Ray records its driver's command line, and does not start with such a one.
            raise ValueError(f"flags and their values must be valid UTF-8; got {quoted(text)}")
    args = parser(spec).parse_args(given)
    if args.dry_run and args.quiet:
        raise ValueError(
            "--dry-run and --quiet exclude each other: all that a dry run does is print"
        )
    regimes = trainables.names()
    if args.resume is not None:
        if not (_resumed_folder(args) / "spec.json").exists():
            spec.read(_resumed_folder(args))  # raises
    elif not args.regime:
        raise ValueError(f"--regime is missing; choose all, or one of: {', '.join(regimes)}")
    elif args.regime not in ("all", *regimes):
        raise ValueError(
            f"--regime is all, or one of {', '.join(regimes)}; got {quoted(args.regime)}"
        )
    if args.name is not None:
        valid_name(args.name)
    given_values(args, spec)  # raises where a value is invalid
    return args


def given_values(args: argparse.Namespace, spec: type[SearchSpec] = SearchSpec) -> dict[str, Any]:
    """The flags that were given, as values of the fields of `spec`; without regime and `fix`.

    Raises ValueError with one line.
    """
    values: dict[str, Any] = {}
    for field in fields(spec):
        declared, value = flag_of(field), getattr(args, field.name, None)
        if declared.hidden or value is None:
            continue
        if declared.parse is not None:
            try:
                value = declared.parse(value)
            except ValueError as error:
                raise ValueError(f"--{field.name.replace('_', '-')} is {error}") from None
        values[field.name] = value
    return values | _confirmation(args)


def _confirmation(args: argparse.Namespace) -> dict[str, int]:
    """What `--confirm KxN` and `--no-confirm` mean."""
    if args.confirm is not None and args.no_confirm:
        raise ValueError("--confirm and --no-confirm exclude each other")
    if args.no_confirm:
        return {"confirm_top": 0}
    if args.confirm is None:
        return {}
    match = re.fullmatch(r"([1-9]\d{0,5})x([1-9]\d{0,5})", args.confirm)
    if not match:
        raise ValueError(
            f"--confirm is KxN, both at least 1, such as 3x2; got {quoted(args.confirm)}"
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
            stored = json.loads((_resumed_folder(args) / "spec.json").read_text(encoding="utf-8"))
    values = (stored if isinstance(stored, dict) else {}) | given_values(args)
    cpus = values.get("cpus_per_trial", 1.0)
    if values.get("gpus_per_trial") or not isinstance(cpus, int | float):
        return 0
    if not cpus >= MIN_CPUS_PER_TRIAL:
        return 0
    slots = int((os.cpu_count() or 1) / cpus)
    limit = values.get("max_concurrent")
    return max(0, min(slots, limit)) if isinstance(limit, int) else slots


def command(args: argparse.Namespace) -> Command:
    """The searches that the flags ask for. Raises ValueError with one line."""
    # Imports torch and transformers, which `parse` does not wait for.
    from search.inputs import default_sources

    if args.resume is not None:
        return Command([_resumed(args)], True, args.dry_run, args.quiet, [])
    regimes = trainables.names() if args.regime == "all" else [args.regime]
    # Check everything else before the default data and model are looked up, which takes seconds.
    values = {"data": "embedded", "model": "minilm", **given_values(args)}
    drafts = [_new(regime, values, args.fix) for regime in regimes]
    data, model, banner = default_sources(args.data, args.model)
    specs = [replace(draft, data=data, model=model) for draft in drafts]
    if args.regime == "all" and args.name:
        specs = [replace(spec, name=f"{args.name}-{spec.regime}") for spec in specs]
    specs = [spec.named() for spec in specs]
    return Command(specs, False, args.dry_run, args.quiet, [] if args.quiet else banner)


def _new(regime: str, values: dict[str, Any], fix: Sequence[str]) -> SearchSpec:
    """The spec of a new search. Raises ValueError where a value is invalid."""
    config, fixed = trainables.load(regime).Config, {}
    for item in fix:
        name, equals, text = item.partition("=")
        if not equals:
            raise ValueError(f"--fix takes FIELD=VALUE; got {quoted(item)}")
        fixed[name] = config.parse(name, text)
    for name in fixed:
        is_sgd = name.startswith("sgd_")
        twin = name.removeprefix("sgd_") if is_sgd else f"sgd_{name}"
        read_by = "sgd" if is_sgd else "adamw"
        if twin in config.describe() and fixed.get("optimizer", read_by) not in ("either", read_by):
            raise ValueError(
                f"--fix {name} has no effect with optimizer={fixed['optimizer']}, which reads"
                f" {twin}"
            )
    return SearchSpec(regime=regime, fix=fixed, **values)


def _resumed(args: argparse.Namespace) -> SearchSpec:
    """The spec of an earlier search with the flags that may change it.

    Raises ValueError for a flag that would make old and new trials incomparable.
    """
    folder = _resumed_folder(args)
    spec = SearchSpec.read(folder)
    if spec.name != str(Path(args.resume)):
        raise ValueError(
            f"{quoted(str(folder))} holds the search '{spec.name}': rename the folder to that"
        )
    values = given_values(args)
    if args.regime is not None:
        values["regime"] = args.regime
    for name in spec.names("fixed"):
        stored = getattr(spec, name)
        if name in values and values[name] != stored:
            raise ValueError(
                f"--resume continues with {name} {quoted(stored)}, because old and new trials"
                f" would not be comparable; got {quoted(values[name])}"
            )
    if args.fix:
        raise ValueError("--resume continues with the same search space; --fix needs a new search")
    return replace(spec, **{**values, "results": _results(args), "address": args.address})


def _resumed_folder(args: argparse.Namespace) -> Path:
    return folder_of(_results(args), args.resume)


def _results(args: argparse.Namespace) -> str:
    return "results" if args.results is None else args.results
