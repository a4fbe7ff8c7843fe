"""The commands that continue with a search, quoted for a shell, from its spec.json.

They name its results folder, its cluster and its MLflow store where these are not the defaults.
"""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis.command import program


def export(spec: Mapping[str, Any], results: str, floor: str | None = None) -> str:
    """Export the winner, or this floor, to a file. `results`: the `--results` flag."""
    name = shlex.quote(str(spec["name"]))
    chosen = "" if floor is None else f" --floor {floor}"
    return f"{program('search.export')} {name}{chosen}{results} --out best.yaml"


def train(spec: Mapping[str, Any], results: str, *, floor: bool = False) -> str:
    """Train a model from that file, on the search's type of GPU. A floor is the same on every seed,
    so it takes one."""
    flags = f"--seeds {1 if floor else 5} --out model{results}{cluster_flags(spec)}"
    others = _flags(spec, "accelerator_type", "tracking_uri")
    return f"{program('search.train')} best.yaml {flags}{others}"


def predict(folder: Path) -> str:
    """Classify a text with that model."""
    return f"{program('search.predict')} {shlex.quote(str(folder))} 'wake me at seven'"


def resume(spec: Mapping[str, Any], results: str) -> str:
    """Continue a search, on the same cluster."""
    name = shlex.quote(str(spec["name"]))
    return f"{program('search.run')} --resume {name}{results}{cluster_flags(spec)}"


def confirm(spec: Mapping[str, Any], results: str, trials: int | None = None) -> str:
    """Continue a search with the choice and report runs that it lacks. `trials`: see
    `no_more_than`."""
    more = no_more_than(trials)
    return resume(spec, results) + more + ("" if spec.get("confirm_top", 1) else " --confirm auto")


def no_more_than(trials: int | None) -> str:
    """The flag with which a search that its time budget has ended runs no further trials when it is
    continued; empty for None, for searches that would run none anyway or are to run more."""
    return "" if trials is None else f" --trials {trials}"


def results_flag(folder: Path, spec: Mapping[str, Any]) -> str:
    """The `--results` flag of a search's folder, as the user gave it where it is still there; empty
    where that is the default."""
    here = folder.resolve().parent
    for results in ("results", str(spec.get("results", "results"))):
        if Path(results).expanduser().resolve() == here:
            return "" if results == "results" else f" --results {shlex.quote(results)}"
    parent = folder.parent if folder.parent.resolve() == here else here
    return f" --results {shlex.quote(str(parent))}"


def compare(folder: Path, spec: Mapping[str, Any]) -> str:
    """Draw the report of all searches in the folder of this search's folder."""
    return program("analysis.report") + results_flag(folder, spec).removeprefix(" --results")


def cluster_flags(spec: Mapping[str, Any]) -> str:
    """The flags of the cluster that a search runs on; empty on a local one."""
    return _flags(spec, "address", "runtime_env")


def _flags(spec: Mapping[str, Any], *names: str) -> str:
    return "".join(
        f" --{name.replace('_', '-')} {shlex.quote(str(spec[name]))}"
        for name in names
        if spec.get(name)
    )
