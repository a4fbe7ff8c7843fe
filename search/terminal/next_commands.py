"""The commands that a user is shown to continue with, quoted for a shell.

They name the results folder and the MLflow store of the search where these are not the defaults.
"""

import os
import shlex
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from analysis.command import program
from search.spec import SearchSpec


def export(spec: SearchSpec) -> str:
    """Export the winner to a file."""
    return f"{program('search.export')} {spec.name}{spec.results_flag} --out best.yaml"


def train(spec: SearchSpec, *, floor: bool = False) -> str:
    """Train a model from that file. A floor is the same on every seed, so it takes one."""
    store = f" --tracking-uri {shlex.quote(spec.tracking_uri)}" if spec.tracking_uri else ""
    seeds = 1 if floor else 5
    return (
        f"{program('search.train')} best.yaml --seeds {seeds} --out model{spec.results_flag}{store}"
    )


def predict(folder: Path) -> str:
    """Classify a text with that model."""
    return f"{program('search.predict')} {shlex.quote(str(folder))} 'wake me at seven'"


def resume(spec: SearchSpec) -> str:
    """Continue a search, on the same cluster."""
    flags = {"--address": spec.address, "--runtime-env": spec.runtime_env}
    places = "".join(f" {flag} {shlex.quote(text)}" for flag, text in flags.items() if text)
    return f"{program('search.run')} --resume {spec.name}{spec.results_flag}{places}"


def sync(spec: SearchSpec) -> str:
    """Log to MLflow what it lacks of a search."""
    return f"{program('search.sync')} {spec.name}{spec.results_flag}"


def report(folder: Path) -> str:
    """Draw the report of a search, or of all in a folder."""
    return f"{program('analysis.report')} {shlex.quote(str(folder))}"


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
