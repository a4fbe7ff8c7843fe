"""The commands that a user is shown to go on with, as a shell takes them: they name the results and
the store of the search."""

import shlex
from pathlib import Path

from search.spec import SearchSpec


def export(spec: SearchSpec) -> str:
    """Write the winner to a file."""
    return f"python -m search.export {spec.name}{spec.results_flag} --out best.yaml"


def train(spec: SearchSpec) -> str:
    """Make a model of that file."""
    store = f" --tracking-uri {shlex.quote(spec.tracking_uri)}" if spec.tracking_uri else ""
    return f"python -m search.train best.yaml --seeds 5 --out model{spec.results_flag}{store}"


def predict(folder: Path) -> str:
    """Ask that model."""
    return f"python -m search.predict {shlex.quote(str(folder))} 'wake me at seven'"


def resume(spec: SearchSpec) -> str:
    """Go on with a search, which knows its store."""
    return f"python -m search.run --resume {spec.name}{spec.results_flag}"


def sync(spec: SearchSpec) -> str:
    """Log what MLflow lacks of a search, which knows its store."""
    return f"python -m search.sync {spec.name}{spec.results_flag}"


def report(spec: SearchSpec) -> str:
    """Draw the report."""
    return f"python -m analysis.report {shlex.quote(str(spec.folder))}"
