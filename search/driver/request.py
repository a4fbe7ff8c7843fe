"""The searches that a command line asks for: new ones, or an earlier one that continues."""

import argparse
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import trainables
from search.driver.allocation import allocate
from search.driver.arguments import given_values, results_of, resumed_folder
from search.folders import SPEC_FILE, folder_of
from search.inputs import default_sources
from search.spec import SearchSpec
from search.study.configuration import searched_regimes
from trainables.parts.data.reading import Reading
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
    again: bool = False
    """With `--start-or-resume`: searches that exist continue, unless they have ended."""


def read_request(args: argparse.Namespace) -> Request:
    """The searches that the flags ask for. Raises ValueError with one line."""
    if args.cold and not (args.regime == "all" or "," in (args.regime or "")):
        flag = f"--regime {args.regime}" if args.regime else f"--resume {args.resume}"
        raise ValueError(f"--cold needs --regime all or a list of regimes; got {flag}")
    if args.resume is not None:
        return Request([_resumed(args)], True, args.dry_run, args.quiet, [])
    several = {"all": searched_regimes, "auto": searched_by_auto}
    regimes = several[args.regime]() if args.regime in several else args.regime.split(",")
    if args.start_or_resume and args.regime != "auto":
        return _again(args, regimes)
    # Check everything else before the default data and model are looked up, which takes seconds.
    values = {"data": "embedded", "model": "minilm", **given_values(args)}
    if args.regime == "auto":  # the trials are of all regimes together
        values.setdefault("patience", None)
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


INPUTS = (
    *("data", "model", "metric", "epoch_size", "max_tokens", "cpus_per_trial", "precision"),
    *Reading.__annotations__,
)
"""What all searches of a command share."""


def _again(args: argparse.Namespace, regimes: Sequence[str]) -> Request:
    """The searches of `--start-or-resume`: those under their names go on, the others are new.

    A new one gets the data and model of those that exist, where no flag names any.
    """
    several = len(regimes) > 1
    named = {each: f"{args.name}-{each}" if several else args.name for each in regimes}
    results, flags, banner = results_of(args), given_values(args), list[str]()
    begun = {
        regime: _begun(args, name, regime)
        for regime, name in named.items()
        if (folder_of(results, name) / SPEC_FILE).exists()
    }
    if begun:
        first = next(iter(begun.values()))
        values = {name: getattr(first, name) for name in INPUTS} | flags
    else:
        _new(regimes[0], {"data": "embedded", "model": "minilm", **flags}, args.fix)  # may raise
        data, model, banner = default_sources(args.data, args.model)
        values = flags | {"data": data, "model": model}
    specs = [
        begun.get(regime) or _new(regime, {**values, "name": name}, args.fix).named()
        for regime, name in named.items()
    ]
    for spec in specs:
        for name in INPUTS:
            if (value := getattr(spec, name)) != (first_value := getattr(specs[0], name)):
                raise ValueError(
                    f"the searches of one command share {name}; '{specs[0].name}' has"
                    f" {quoted(first_value)}, '{spec.name}' has {quoted(value)}"
                )
    banner = [] if args.quiet else banner
    return Request(specs, True, args.dry_run, args.quiet, banner, cold=args.cold, again=True)


def _begun(args: argparse.Namespace, name: str, regime: str) -> SearchSpec:
    """The spec of a search that exists, with the flags that may change it.

    Raises ValueError for a flag that would make old and new trials incomparable.
    """
    stored = _stored(folder_of(results_of(args), name), name)
    flags = given_values(args)
    spec = _new(regime, {"data": stored.data, "model": stored.model, **flags}, args.fix)
    fixed = {each for each in stored.names("fixed") if each in flags or each == "regime"}
    _require_comparable(replace(spec, name=name), stored, fixed | ({"fix"} if args.fix else set()))
    return _with_flags(stored, args)


def _stored(folder: Path, name: str) -> SearchSpec:
    """The spec of the search in `folder`. Raises ValueError where it has another name."""
    spec = SearchSpec.read(folder)
    if spec.name != name:
        raise ValueError(
            f"{quoted(str(folder))} holds the search '{spec.name}': rename the folder to that"
        )
    return spec


def _with_flags(spec: SearchSpec, args: argparse.Namespace) -> SearchSpec:
    """A stored spec with what the flags change, and where it runs now."""
    values = {each: value for each, value in given_values(args).items() if each != "name"}
    places = {name: getattr(args, name) for name in ("address", "runtime_env")}
    return replace(spec, **{**values, **places, "results": results_of(args)})


def _auto_names(spec: SearchSpec) -> Iterator[str]:
    """The name that was given, or those that may be derived from the data."""
    if spec.name is not None:
        return iter([spec.name])
    return (f"auto-{spec.short_data}-{number}" for number in range(1, 10**6))


def _require_comparable(
    spec: SearchSpec, stored: SearchSpec, names: Container[str] | None = None
) -> None:
    """Raises ValueError where new trials would not be comparable with the stored search's.

    `names`: the fields to compare; by default all that must stay the same.
    """
    for name in spec.names("fixed"):
        if names is not None and name not in names:
            continue
        value, stored_value = getattr(spec, name), getattr(stored, name)
        if value != stored_value:
            raise ValueError(
                f"'{spec.name}' began with {name} {quoted(stored_value)}, and old and new trials"
                f" would not be comparable; got {quoted(value)}"
            )


def _new(regime: str, values: dict[str, Any], fix: Sequence[str]) -> SearchSpec:
    """The spec of a new search, by default with `--patience auto`.

    Raises ValueError where a value is invalid.
    """
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
    return SearchSpec(**{"patience": "auto", **values, "regime": regime, "fix": fixed})


def _resumed(args: argparse.Namespace) -> SearchSpec:
    """The spec of an earlier search with the flags that may change it.

    Raises ValueError for a flag that would make old and new trials incomparable.
    """
    spec = _stored(resumed_folder(args), str(Path(args.resume)))
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
    return _with_flags(spec, args)
