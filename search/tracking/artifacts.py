"""The files of a search's folder as artifacts: the report first, the others in folders by kind."""

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path

FIGURES = "report_figures/*.svg"
KINDS = (".html", ".csv", ".json", ".md", ".yaml", ".svg")
NEWEST = "regimen.artifact_digest"
LAYOUTS: dict[str, dict[str, str]] = {
    "regimen.artifacts": {".svg": "figures"},
    "regimen.artifacts_digest": {
        ".svg": "figures",
        ".csv": "tables",
        "table.md": "tables",
        ".json": "search",
        ".md": "search",
        ".yaml": "recipe",
    },
    NEWEST: {
        ".svg": "report_figures",
        ".csv": "tables",
        "table.md": "tables",
        ".json": "search",
        ".md": "search",
        ".yaml": "search",
    },
}
"""Folders of artifacts by a file's name or ending, and the tag with a digest of the files that
MLflow has. A run keeps the layout that it began with: the first two are those of earlier versions.
MLflow's UI sorts by name, so the newest has no folder before `report.html`."""


def files(folder: Path) -> dict[Path, str]:
    """The files to log, each with its SHA-256."""
    paths = [path for path in folder.iterdir() if path.suffix in KINDS]
    paths = sorted([*paths, *folder.glob(FIGURES)])
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def digest(found: Mapping[Path, str]) -> str:
    """One digest of all of them."""
    listing = "\n".join(f"{path.name} {own}" for path, own in found.items())
    return hashlib.sha256(listing.encode()).hexdigest()[:32]


def layout(tags: Collection[str]) -> str:
    """The layout that a run has, given its tags: a key of `LAYOUTS`."""
    return next((tag for tag in LAYOUTS if tag in tags), NEWEST)


def place(path: Path, layout: str) -> str | None:
    """The folder of artifacts that a file belongs to; None: above all folders."""
    folders = LAYOUTS[layout]
    return folders.get(path.name, folders.get(path.suffix))
