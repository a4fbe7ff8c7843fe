"""The searches that a command line asks for: new ones, or an earlier one that continues."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import trainables
from search.allocation import allocate
from search.arguments import given_values, results_of, resumed_folder
from search.spec import SearchSpec
from search.study.configuration import searched_regimes
from trainables.parts.quote import quoted


@dataclass(frozen=True)
class Request:
    """What a command line asks for: searches to run one after the other, and how."""

    specs: list[SearchSpec]
    resume: bool
    dry_run: bool
    quiet: bool
    banner: list[str]
    """Notes for the user, a line each: which defaults were not available."""
    auto: str | None = None
    """With `--regime auto`: the name that the searches' names begin with."""
    cold: bool = False
    """Whether each search begins without what the searches before it found."""


def read_request(args: argparse.Namespace) -> Request:
    """The searches that the flags ask for. Raises ValueError with one line."""
    # Imports torch and transformers, which `parse` does not wait for.
    from search.inputs import default_sources

    if args.resume is not None:
        return Request([_resumed(args)], True, args.dry_run, args.quiet, [])
    several = {"all": searched_regimes, "auto": searched_by_auto}
    regimes = several[args.regime]() if args.regime in several else args.regime.split(",")
    # Check everything else before the default data and model are looked up, which takes seconds.
    values = {"data": "embedded", "model": "minilm", **given_values(args)}
    drafts = [_new(regime, values, args.fix) for regime in regimes]
    data, model, banner = default_sources(args.data, args.model)
    specs = [replace(draft, data=data, model=model) for draft in drafts]
    banner = [] if args.quiet else banner
    if args.regime == "auto":
        name, specs = _together(specs)
        return Request(specs, False, args.dry_run, args.quiet, banner, auto=name)
    if len(specs) > 1 and args.name:
        specs = [replace(spec, name=f"{args.name}-{spec.regime}") for spec in specs]
    specs = [spec.named() for spec in specs]
    return Request(specs, False, args.dry_run, args.quiet, banner, cold=args.cold)


def searched_by_auto() -> list[str]:
    """The regimes that `--regime auto` searches: those that train the encoder."""
    from search.trials.floors import REGIMES  # imports Ray

    return [
        name
        for name in trainables.names()
        if name not in REGIMES and not hasattr(trainables.load(name), "MAX_EPOCHS")
    ]


def _together(specs: Sequence[SearchSpec]) -> tuple[str, list[SearchSpec]]:
    """The searches of `--regime auto` with their names, and what these begin with.

    Searches under the given name continue. Raises ValueError where one differs in more than a flag
    that `--resume` may change.
    """
    allocate(
        {spec.regime: [] for spec in specs}, {spec.regime: 1 for spec in specs}, specs[0].trials
    )
    for name in _auto_names(specs[0]):
        named = [replace(spec, name=f"{name}-{spec.regime}") for spec in specs]
        begun = [spec for spec in named if spec.is_taken]
        if specs[0].name is None and begun:
            continue
        for spec in begun:
            _require_comparable(spec, SearchSpec.read(spec.folder))
        return name, named
    raise ValueError(f"no free name for a search in '{specs[0].results}'")


def _auto_names(spec: SearchSpec) -> Iterator[str]:
    """The name that was given, or those that may be derived from the data."""
    if spec.name is not None:
        return iter([spec.name])
    return (f"auto-{spec.short_data}-{number}" for number in range(1, 10**6))


def _require_comparable(spec: SearchSpec, stored: SearchSpec) -> None:
    """Raises ValueError where new trials would not be comparable with the stored search's."""
    for name in spec.names("fixed"):
        asked, began = getattr(spec, name), getattr(stored, name)
        if asked != began:
            raise ValueError(
                f"'{spec.name}' began with {name} {quoted(began)}, and old and new trials would not"
                f" be comparable; got {quoted(asked)}"
            )


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
        if twin in config.describe() and fixed.get("optimizer", read_by) != read_by:
            raise ValueError(
                f"--fix {name} has no effect with optimizer={fixed['optimizer']}, which reads"
                f" {twin}"
            )
    return SearchSpec(regime=regime, fix=fixed, **values)


def _resumed(args: argparse.Namespace) -> SearchSpec:
    """The spec of an earlier search with the flags that may change it.

    Raises ValueError for a flag that would make old and new trials incomparable.
    """
    folder = resumed_folder(args)
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
    places = {name: getattr(args, name) for name in ("address", "runtime_env")}
    return replace(spec, **{**values, **places, "results": results_of(args)})
