"""What a user names by a path, found from any working directory: files, MLflow stores, sources."""

import os
from pathlib import Path
from urllib.parse import urlsplit

SQLITE, FILE = "sqlite:///", "file:"
PACKAGED = ("embedded", "minilm")
"""Sources that come with Regimen and are no path."""


def absolute(path: str) -> str:
    """A path of the working directory, valid in any. A folder that is a link keeps its name."""
    return os.path.abspath(Path(path).expanduser())


def absolute_store(uri: str) -> str:
    """The URI of an MLflow store, valid in any working directory."""
    if uri.startswith(SQLITE):
        path, mark, query = uri.removeprefix(SQLITE).partition("?")
        in_memory = not path or path.startswith((":", "file:"))
        return uri if in_memory else f"{SQLITE}{absolute(path)}{mark}{query}"
    if uri.startswith(FILE) and not uri.startswith(f"{FILE}/"):
        return f"{FILE}//{absolute(uri.removeprefix(FILE))}"
    # Names such as `databricks` have no scheme either.
    return absolute(uri) if not urlsplit(uri).scheme and os.path.exists(uri) else uri


def located(source: str, directory: str | None) -> str:
    """The path of data or a model that was named in another working directory, `directory`.

    The source itself where it is no relative path, or does not lead anywhere from there.
    """
    if directory is None or source in PACKAGED or Path(directory) == Path.cwd():
        return source
    try:
        path = Path(directory, Path(source).expanduser())
        return str(path) if source and path.exists() else source
    except (OSError, RuntimeError):  # not a valid file name, or the home of an unknown user
        return source
