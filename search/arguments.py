"""The command line of `python -m search.run`: flags to a SearchSpec."""

import argparse
import contextlib
import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import trainables
from search.command import Parser
from search.spec import (
    LEAST,
    SAME,
    PrecisionChoice,
    Sampler,
    Scheduler,
    SearchSpec,
    folder_of,
    valid_name,
)
from trainables.parts.quote import quoted

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Command:
    """What a command line asks for: searches to run one after the other, and how."""

    specs: list[SearchSpec]
    resume: bool
    dry_run: bool
    quiet: bool
    banner: list[str]


def parser() -> argparse.ArgumentParser:
    """Every flag, with what it means, its unit, and what turns it off."""
    p = Parser(
        prog="python -m search.run",
        description=(
            "Search the hyperparameters of a training regime, run the best again to choose the"
            " winner, report it on seeds that chose nothing, and hold it against the paper."
        ),
    )
    p.add_argument(
        "--regime", help=f"what to search: all, or one of {', '.join(trainables.names())}"
    )
    p.add_argument("--trials", type=int, help="configurations to try (default: 50)")
    p.add_argument(
        "--data",
        metavar="SOURCE",
        help=(
            "massive[:LOCALE], embedded, hub:OWNER/NAME[:CONFIG], a folder with"
            " train/validation/test as .jsonl, .csv or .parquet, or one such file (default: massive"
            " where the hub or its cache has it, else embedded)"
        ),
    )
    p.add_argument(
        "--text-column", metavar="NAME", help="the column with the text (default: found by name)"
    )
    p.add_argument(
        "--label-column", metavar="NAME", help="the column with the label (default: found by name)"
    )
    p.add_argument(
        "--model",
        metavar="SOURCE",
        help=(
            "a hub name, a local folder, or minilm (default: bert-base-uncased where it is to be"
            " had, else minilm)"
        ),
    )
    p.add_argument(
        "--epochs",
        type=int,
        metavar="N",
        help="budget of a trial in epochs (default: the regime's own)",
    )
    p.add_argument(
        "--seed", type=int, metavar="N", help="of every trial and of the sampler (default: 0)"
    )
    p.add_argument(
        "--name", help="of the folder under --results (default: made of regime and data)"
    )
    p.add_argument(
        "--sampler", choices=get_args(Sampler), help="what proposes configurations (default: tpe)"
    )
    p.add_argument(
        "--scheduler",
        choices=get_args(Scheduler),
        help="what stops the hopeless; none: nothing (default: asha)",
    )
    p.add_argument(
        "--grace",
        type=int,
        metavar="N",
        help="epochs before a trial may be stopped (default: a third of the budget, at least 2)",
    )
    p.add_argument(
        "--reduction-factor",
        type=int,
        metavar="N",
        help="one trial in N goes on from each rung of asha and hyperband (default: 3)",
    )
    p.add_argument(
        "--gpus-per-trial",
        metavar="auto|F",
        help="share of a GPU for a trial; auto: measured; 0: none (default: auto)",
    )
    p.add_argument(
        "--cpus-per-trial",
        type=float,
        metavar="F",
        help="cores for a trial, and its threads (default: 1)",
    )
    p.add_argument(
        "--max-concurrent", type=int, metavar="N", help="trials at a time (default: as many as fit)"
    )
    p.add_argument(
        "--time-budget", metavar="2h", help="time for trials, as 90s, 30m or 2h (default: no limit)"
    )
    p.add_argument(
        "--trial-timeout",
        metavar="30m",
        help="time for one trial, after which it fails, as one that hangs (default: no limit)",
    )
    p.add_argument(
        "--address",
        metavar="ADDR",
        help="a Ray cluster's address (default: RAY_ADDRESS, else a cluster of this machine's own)",
    )
    p.add_argument(
        "--confirm",
        metavar="KxS",
        help="run the best K again on S seeds to choose the winner (default: 3x2)",
    )
    p.add_argument(
        "--report-seeds",
        type=int,
        metavar="N",
        help="train and test the winner on N more seeds, which are what is reported (default: 3)",
    )
    p.add_argument(
        "--no-confirm", action="store_true", help="skip that, and the test split with it"
    )
    p.add_argument(
        "--fix",
        nargs="+",
        action="extend",
        default=[],
        metavar="FIELD=VALUE",
        help="hyperparameters not to search, and their values",
    )
    p.add_argument(
        "--precision",
        choices=get_args(PrecisionChoice),
        help="of matrix products; auto: bf16 where the hardware has it (default: auto)",
    )
    p.add_argument(
        "--tracking-uri",
        metavar="URI",
        help="an MLflow server or store (default: MLFLOW_TRACKING_URI, else sqlite in --results)",
    )
    p.add_argument(
        "--results", metavar="DIR", help="where searches keep their folders (default: results)"
    )
    p.add_argument(
        "--resume", metavar="NAME", help="go on with a search; --trials may be higher than before"
    )
    p.add_argument(
        "--dry-run",
        action="store_true",
        help=(
            "print the space, trial 0, the plan and what it would take; run nothing, write nothing"
        ),
    )
    p.add_argument(
        "--quiet",
        action="store_true",
        help="print nothing but the table, errors and the next commands",
    )
    return p


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The flags, and a first check of them: what takes no import of the regimes, which takes
    seconds. Raises ValueError of one line."""
    given = sys.argv[1:] if argv is None else argv
    for text in given:
        if (
            text != text.encode("utf-8", "replace").decode()
        ):  # Ray keeps its driver's command line, and does not start with such a one
            raise ValueError(
                f"flags and their values are text; {quoted(text)} has bytes that are none in UTF-8"
            )
    args = parser().parse_args(given)
    if args.dry_run and args.quiet:
        raise ValueError(
            "--dry-run and --quiet exclude each other: a dry run does nothing but print"
        )
    if args.resume is not None:
        folder = folder_of("results" if args.results is None else args.results, args.resume)
        if not (folder / "spec.json").exists():
            SearchSpec.read(folder)  # says that it is not there
    elif not args.regime:
        raise ValueError(
            f"--regime is missing; choose all, or one of: {', '.join(trainables.names())}"
        )
    elif args.regime not in ("all", *trainables.names()):
        raise ValueError(
            f"--regime is all, or one of {', '.join(trainables.names())}; got {quoted(args.regime)}"
        )
    if args.name is not None:
        valid_name(args.name)
    _given(args)  # for what it refuses
    return args


def workers(args: argparse.Namespace) -> int:
    """How many trials will run side by side on this machine's cores, as far as flags tell, and the
    spec of a search that goes on.

    0 where shares of a GPU decide that, or nothing that makes sense.
    """
    given = {
        name: getattr(args, name) for name in ("cpus_per_trial", "max_concurrent", "gpus_per_trial")
    }
    kept: Any = {}
    if args.resume is not None:
        folder = folder_of("results" if args.results is None else args.results, args.resume)
        with contextlib.suppress(
            OSError, ValueError, RecursionError
        ):  # damaged: it is refused when the regimes are there
            kept = json.loads((folder / "spec.json").read_text(encoding="utf-8"))
    kept = kept if isinstance(kept, dict) else {}
    cpus, most, gpus = (kept.get(name) if value is None else value for name, value in given.items())
    cpus = 1.0 if cpus is None else cpus
    if (
        gpus not in (None, "auto", "0", 0, 0.0)
        or not isinstance(cpus, int | float)
        or not cpus >= LEAST
    ):
        return 0
    slots = int((os.cpu_count() or 1) / cpus)
    return max(0, min(slots, most)) if isinstance(most, int) else slots


def command(args: argparse.Namespace) -> Command:
    """The searches that flags ask for.

    Raises ValueError with one line where they ask for something that is not there.
    """
    from search.inputs import (
        default_sources,
    )  # torch and transformers, for which `parse` does not wait

    if args.resume is not None:
        return Command([_resumed(args)], True, args.dry_run, args.quiet, [])
    regimes = trainables.names() if args.regime == "all" else [args.regime]
    values = _given(args)
    drafts = [
        _spec(
            regime,
            {"data": args.data or "embedded", "model": args.model or "minilm", **values},
            args.fix,
        )
        for regime in regimes
    ]
    data, model, banner = default_sources(args.data, args.model)
    specs = [replace(draft, data=data, model=model) for draft in drafts]
    if args.regime == "all":
        specs = [
            replace(spec, name=f"{args.name}-{spec.regime}" if args.name else None)
            for spec in specs
        ]
    return Command(
        [spec.named() for spec in specs],
        False,
        args.dry_run,
        args.quiet,
        [] if args.quiet else banner,
    )


def _given(args: argparse.Namespace) -> dict[str, Any]:
    """The flags that were given, as fields of a SearchSpec."""
    same = (
        "trials",
        "text_column",
        "label_column",
        "epochs",
        "seed",
        "name",
        "sampler",
        "scheduler",
        "grace",
        "reduction_factor",
        "cpus_per_trial",
        "max_concurrent",
        "address",
        "report_seeds",
        "precision",
        "tracking_uri",
        "results",
    )
    values = {name: getattr(args, name) for name in same if getattr(args, name) is not None}
    if args.epochs is not None and args.epochs < 1:
        raise ValueError(f"epochs is above 0; got {args.epochs}")
    if args.gpus_per_trial == "auto":
        values["gpus_per_trial"] = None
    elif args.gpus_per_trial is not None:
        values["gpus_per_trial"] = _number(
            "--gpus-per-trial", args.gpus_per_trial, "auto or a number"
        )
        if values["gpus_per_trial"] > 1:
            raise ValueError(
                "--gpus-per-trial is auto or from 0 to 1, because a trial trains on one GPU; got"
                f" {args.gpus_per_trial}"
            )
    for name in ("time_budget", "trial_timeout"):
        if getattr(args, name) is not None:
            values[name] = seconds(getattr(args, name))
    if args.confirm is not None and args.no_confirm:
        raise ValueError("--confirm and --no-confirm exclude each other")
    if args.no_confirm:
        values["confirm_top"] = 0
    elif args.confirm is not None:
        match = re.fullmatch(r"([1-9]\d{0,5})x([1-9]\d{0,5})", args.confirm)
        if not match:
            raise ValueError(
                f"--confirm is KxS, both at least 1, as 3x2; got {quoted(args.confirm)}"
                " (--no-confirm turns it off)"
            )
        values |= {"confirm_top": int(match[1]), "confirm_seeds": int(match[2])}
    return values


def _spec(regime: str, values: dict[str, Any], fix: Sequence[str]) -> SearchSpec:
    config, fixed = trainables.load(regime).Config, {}
    for item in fix:
        name, equals, text = item.partition("=")
        if not equals:
            raise ValueError(f"--fix takes FIELD=VALUE; got {quoted(item)}")
        fixed[name] = config.parse(name, text)
    for name in fixed:
        other = name.removeprefix("sgd_") if name.startswith("sgd_") else f"sgd_{name}"
        if other in config.describe() and fixed.get("optimizer", "either") not in (
            "either",
            "sgd" if name.startswith("sgd_") else "adamw",
        ):
            raise ValueError(
                f"--fix {name} is not read with optimizer={fixed['optimizer']}, which has {other}"
            )
    return SearchSpec(regime=regime, fix=fixed, **values)


def _resumed(args: argparse.Namespace) -> SearchSpec:
    """The spec of an earlier search, with more trials, time or another share of the machine; what
    would make trials incomparable stays."""
    folder = folder_of("results" if args.results is None else args.results, args.resume)
    spec = SearchSpec.read(folder)
    if spec.name != str(Path(args.resume)):
        raise ValueError(
            f"{quoted(str(folder))} holds the search '{spec.name}': give the folder its name back"
        )
    values = _given(args)
    if args.regime not in (None, spec.regime):
        raise ValueError(
            f"--resume goes on with regime '{spec.regime}'; got --regime {quoted(args.regime)}"
        )
    for name, value in {**values, "data": args.data, "model": args.model}.items():
        if name in SAME and value is not None and value != getattr(spec, name):
            raise ValueError(
                f"--resume goes on with {name} {quoted(getattr(spec, name))}, or old and new trials"
                f" would not compare; got {quoted(value)}"
            )
    if args.fix:
        raise ValueError(
            "--resume goes on with the space that the search had; --fix needs a new search"
        )
    return replace(
        spec,
        **{
            **values,
            "results": "results" if args.results is None else args.results,
            "address": args.address,
        },
    )


def seconds(text: str) -> float:
    """A duration: `90s`, `30m`, `2h`, `1d`, or seconds alone. Raises ValueError."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d+)?)([smhd]?)", text)
    if not match or float(match[1]) == 0:
        raise ValueError(
            f"a time is a number above 0 with s, m, h or d, as 90s or 2h; got {quoted(text)}"
        )
    return float(match[1]) * UNITS[match[2] or "s"]


def _number(flag: str, text: str, rule: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{flag} is {rule}; got {quoted(text)}") from None
