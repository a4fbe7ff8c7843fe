"""MLflow's store: its address, a client for it, and the experiments in it."""

import contextlib
import importlib
import logging
import os
import warnings
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from search.tracking import sqlite_file
from trainables.parts.quote import error_text

EXPERIMENT, PAPER_EXPERIMENT = "regimen", "regimen-paper"

# MLflow silences this itself, but only until another thread changes Python's filters meanwhile.
warnings.filterwarnings("ignore", 'Field name "schema" in "JsonSchemaSpec" shadows', UserWarning)


def tracking_uri(uri: str | None, results: str) -> str:
    """Where runs are logged: the flag, else the variable, else SQLite in the results folder."""
    default = f"sqlite:///{Path(results).expanduser().resolve() / 'mlflow.db'}"
    return uri or os.environ.get("MLFLOW_TRACKING_URI") or default


def connect(uri: str, results: str) -> Any:
    """An MLflow client, with both experiments created. Raises ValueError if no store answers,
    OSError where the disk is full."""
    try:
        client = open_client(uri)
        make_experiments(client, results)
    except Exception as error:  # The file system, requests, SQLAlchemy and MLflow have their own.
        problem = without_password(f"MLflow cannot record at '{uri}': {error_text(error)}", uri)
        raise (OSError if sqlite_file.is_full(error) else ValueError)(problem) from error
    return client


def import_mlflow(uri: str) -> None:
    """Import what the store at `uri` needs, which takes seconds; nothing is written or asked.

    What cannot be imported is said by `connect`.
    """
    _set_environment()
    with contextlib.suppress(Exception):
        importlib.import_module("mlflow")
        if sqlite_file.path_of(uri):
            importlib.import_module("mlflow.store.tracking.sqlalchemy_store")


def _set_environment() -> None:
    """Settings that MLflow reads when it is imported, or later."""
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    os.environ.setdefault("PGCONNECT_TIMEOUT", "10")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")


def open_client(uri: str) -> Any:
    """An MLflow client that gives up soon and never repeats a request by itself.

    The first one may have been received.
    """
    _set_environment()
    from mlflow import MlflowClient

    logging.getLogger("alembic").setLevel(logging.ERROR)
    # MLflow prints a traceback for each request to a store that does not answer.
    logging.getLogger("mlflow").setLevel(logging.CRITICAL)
    if path := sqlite_file.path_of(uri):
        sqlite_file.make(
            path, lambda beside: MlflowClient(tracking_uri=beside).search_experiments(max_results=1)
        )
    return MlflowClient(tracking_uri=uri)


def make_experiments(client: Any, results: str) -> str:
    """Create both experiments if they are missing. Returns the id of the searches' experiment."""
    local = client.tracking_uri.startswith("sqlite:")
    folder = Path(results).expanduser().resolve() / "mlartifacts"
    for name in (EXPERIMENT, PAPER_EXPERIMENT):
        if client.get_experiment_by_name(name) is None:
            try:
                client.create_experiment(
                    name, artifact_location=(folder / name).as_uri() if local else None
                )
            except Exception:
                # Another search may have created it meanwhile.
                if client.get_experiment_by_name(name) is None:
                    raise
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment.lifecycle_stage != "active":
        raise ValueError(
            f"its experiment '{EXPERIMENT}' was deleted; restore it with `mlflow experiments"
            " restore`"
        )
    experiment_id: str = experiment.experiment_id
    return experiment_id


def without_password(text: str, uri: str) -> str:
    """A text about the store at `uri`, without the password that the address may hold."""
    try:
        password = urlsplit(uri).password
    except ValueError:  # not an address, so it has no password
        return text
    for spelling in filter(None, (password, unquote(password or ""))):
        text = text.replace(spelling, "***")
    return text
