"""What Ray's workers get on a cluster that somebody else runs: our code and our settings."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from search.cluster import SETTINGS
from search.cluster.code import CODE, PACKAGES, fingerprint
from search.storage import RAY_JOB
from trainables.parts.quote import error_text, quoted

FOLDERS = ("working_dir", "py_modules")
"""The fields that name local folders."""


def runtime_env(file: str | None) -> dict[str, Any]:
    """The runtime environment of a search on a cluster at an address.

    Our packages, unless the job has brought code of its own (`ray job submit --working-dir`); our
    settings; and what is in `file`, which wins. Raises ValueError with one line.
    """
    from_file, job = ({} if file is None else _read(file)), _of_job()
    _require_no_conflict(from_file, job)
    settings = {name: value for name, value in SETTINGS.items() if name not in _variables(job)}
    modules = list(from_file.get("py_modules", []))
    if not any(name in job for name in FOLDERS):
        modules += [str(CODE / name) for name in PACKAGES]
    together = {**from_file, "env_vars": {**settings, **_variables(from_file)}}
    if modules:
        fingerprint()  # From now on, what is shipped counts; a user may edit the code.
        together["py_modules"] = modules
        # Bytecode changes with every run, and Ray would ship the packages anew.
        together["excludes"] = [*from_file.get("excludes", []), "__pycache__/"]
    return together


def _read(file: str) -> dict[str, Any]:
    """The runtime environment in a YAML or JSON file, with local folders made absolute."""
    flag = f"--runtime-env {quoted(file)}"
    try:
        environment = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{flag} cannot be read: {error_text(error)}") from error
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise ValueError(f"{flag} must be YAML or JSON: {error_text(error)}") from error
    if not isinstance(environment, dict) or not all(isinstance(name, str) for name in environment):
        raise ValueError(f"{flag} must hold a mapping, such as env_vars: {{NAME: value}}")
    from ray.runtime_env import RuntimeEnv

    known = sorted(RuntimeEnv.known_fields - {"_ray_release", "_ray_commit"} | {"excludes"})
    unknown = [name for name in environment if name not in known]
    if unknown:
        raise ValueError(
            f"{flag} has the unknown field {quoted(unknown[0])}; choose from: {', '.join(known)}"
        )
    for name in ("py_modules", "excludes"):
        _require(flag, name, environment.get(name, []), list, "a list of texts")
    _require(flag, "env_vars", environment.get("env_vars", {}), dict, "a mapping of names to texts")
    _require(flag, "working_dir", [environment.get("working_dir", "")], list, "a text")
    if "working_dir" in environment:
        environment["working_dir"] = _absolute(flag, environment["working_dir"])
    if "py_modules" in environment:
        environment["py_modules"] = [
            _absolute(flag, folder) for folder in environment["py_modules"]
        ]
    try:
        RuntimeEnv(**{name: environment[name] for name in environment if name not in FOLDERS})
    except Exception as error:  # Ray raises errors of many kinds.
        raise ValueError(f"{flag} is refused by Ray: {error_text(error)}") from error
    return environment


def _require(flag: str, name: str, value: Any, kind: type, rule: str) -> None:
    """Raise ValueError unless it is a list or mapping of texts."""
    texts: Sequence[Any] = [*value, *value.values()] if isinstance(value, dict) else value
    if not isinstance(value, kind) or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"{flag}: {name} must be {rule}; got {quoted(value)}")


def _absolute(flag: str, folder: str) -> str:
    """A local folder or package as an absolute path; a URI as it is."""
    if "://" in folder:
        return folder
    path = Path(folder).expanduser().absolute()
    if not path.exists():
        raise ValueError(f"{flag} names {quoted(folder)}, which does not exist")
    return str(path)


def _of_job() -> Mapping[str, Any]:
    """The runtime environment that this process's job was submitted with."""
    config = json.loads(os.environ.get(RAY_JOB) or "{}")
    environment: Mapping[str, Any] = config.get("runtime_env") or {}
    return environment


def _variables(environment: Mapping[str, Any]) -> Mapping[str, str]:
    variables: Mapping[str, str] = environment.get("env_vars") or {}
    return variables


def _require_no_conflict(from_file: Mapping[str, Any], job: Mapping[str, Any]) -> None:
    """Raise ValueError where the file and the job set the same field or variable."""
    if os.environ.get("RAY_OVERRIDE_JOB_RUNTIME_ENV") == "1":
        return
    twice = sorted((set(from_file) & set(job)) - {"env_vars"})
    twice += sorted(set(_variables(from_file)) & set(_variables(job)))
    if twice:
        raise ValueError(
            f"--runtime-env sets {twice[0]}, which the job's runtime environment sets too; leave it"
            " out of one of them, or set RAY_OVERRIDE_JOB_RUNTIME_ENV=1"
        )
