"""The commands that a user is shown to continue with, quoted for a shell.

They name the results folder and the MLflow store of the search where these are not the defaults.
"""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from analysis import shell_lines
from analysis.command import program
from analysis.comparison.floors import no_better
from analysis.evidence import Evidence
from analysis.read.summary import Summary
from search.spec import SearchSpec


def export(spec: SearchSpec, floor: str | None = None) -> str:
    """Export the winner, or this floor, to a file."""
    return shell_lines.export(vars(spec), spec.results_flag, floor)


def train(spec: SearchSpec, *, floor: bool = False) -> str:
    """Train a model from that file."""
    return shell_lines.train(vars(spec), spec.results_flag, floor=floor)


def resume(spec: SearchSpec) -> str:
    """Continue a search, on the same cluster."""
    return shell_lines.resume(vars(spec), spec.results_flag)


def confirm(spec: SearchSpec, summary: Summary) -> str:
    """Continue a search with the choice and report runs that it lacks."""
    return shell_lines.confirm(vars(spec), spec.results_flag, summary.trials_to_keep)


def after(spec: SearchSpec, summary: Summary, evidence: Evidence) -> list[tuple[str, str]]:
    """What follows a search with a result, each command behind a word for it: confirm its winner,
    or export and train it. A floor that is no worse on fresh seeds is offered beside it."""
    lines = [] if summary.confirmed_scores else [("confirm", confirm(spec, summary))]
    lines.append(("export", export(spec)))
    floor = summary.best_floor
    if floor is not None and no_better(summary, evidence):
        lines.append(("or", f"{export(spec, floor.regime)}  # the floor instead"))
    return [*lines, ("train", train(spec, floor=summary.floor_wins))]


def again(specs: Sequence[SearchSpec], spec: SearchSpec, *, auto: bool, same: bool) -> str:
    """How to continue a command that stopped in `spec`, one of its `specs`, and all that follow.

    `same`: it was to be repeated from the start. `auto`: the searches share a budget.
    """
    if same:
        return "the same command"
    assert spec.name is not None
    given = spec.name.removesuffix(f"-{spec.regime}")
    if auto:
        return f"the same command and --name {given}"
    if len(specs) > 1 and given != spec.name:  # The others have names that are known, too.
        return "the same command and --start-or-resume"
    return resume(spec)


def sync(spec: SearchSpec) -> str:
    """Log to MLflow what it lacks of a search."""
    return f"{program('search.sync')} {spec.name}{spec.results_flag}"


def report(folder: Path) -> str:
    """Draw the report of a search, or of all in a folder."""
    return f"{program('analysis.report')} {shlex.quote(str(folder))}"


def leaderboard(uri: str, page: str | None) -> list[str]:
    """How to see a page of MLflow's UI, a line each: the command that serves it, its address."""
    first = browse(uri)
    if page is None or first.partition(":")[0] == "databricks":
        return [first]
    if first.startswith(("http://", "https://")):
        return [f"{first.rstrip('/')}{page}"]
    return [first, f"http://127.0.0.1:5000{page}"]


def browse(uri: str) -> str:
    """How to see MLflow's pages: the address of a server, or the command that serves a store.

    Passwords are not printed.
    """
    parts = urlsplit(uri)
    if parts.scheme in ("http", "https"):
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    if uri == os.environ.get("MLFLOW_TRACKING_URI") and "@" in uri:
        return 'mlflow ui --backend-store-uri "$MLFLOW_TRACKING_URI"'
    if parts.scheme == "databricks" or uri == "databricks":
        return uri
    return f"mlflow ui --backend-store-uri {shlex.quote(uri)}"
