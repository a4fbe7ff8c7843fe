"""The files of a search's folder as artifacts: the report first, the others in folders by kind."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from analysis.page.files import is_ours
from analysis.read.folder import FILES, REPORT_FILE, TABLE_FILE
from analysis.tables import NAMES

FLAT_DIGEST, DIGEST = "regimen.artifacts", "regimen.artifacts_digest"
"""Tags with a digest of the files that MLflow has. The first is of early versions, whose files all
lay beside each other; their runs keep that order."""
REPORTS = (REPORT_FILE, "report.md")
FIGURES = "report_figures/*.svg"
FOLDERS = {".csv": "tables", ".json": "search", ".md": "search", ".yaml": "recipe"}
"""Folders of artifacts by the ending of their names; the report stands above them."""


def files(folder: Path) -> dict[Path, str]:
    """The files to log, each with its SHA-256: what a search and its report write.

    A user's own files in the folder are not sent to a server that others read.
    """
    names = (*FILES, *REPORTS, *(f"report_{name}.csv" for name in NAMES))
    paths = [path for path in map(folder.joinpath, sorted(names)) if path.is_file()]
    paths += [path for path in sorted(folder.glob(FIGURES)) if is_ours(path)]
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def digest(digests: Mapping[Path, str]) -> str:
    """One digest of all of them."""
    listing = "\n".join(f"{path.name} {sha256}" for path, sha256 in digests.items())
    return hashlib.sha256(listing.encode()).hexdigest()[:32]


def artifact_folder(path: Path, *, flat: bool) -> str | None:
    """The folder of artifacts that a file belongs to; None: above all folders."""
    if path.suffix == ".svg":
        return "figures"
    if flat:
        return None
    return "tables" if path.name == TABLE_FILE else FOLDERS.get(path.suffix)
