"""What a result was made with."""

import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from analysis.text import counted
from search.cluster.resources import Machine

PACKAGES = ("regimen", "torch", "transformers", "ray", "optuna", "mlflow", "datasets", "numpy")
CODE = Path(__file__).parents[2]
"""The folder of this code."""


def versions() -> dict[str, str]:
    """Python and the packages that numbers depend on."""
    numbers = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            numbers[package] = version(package)
        except PackageNotFoundError:
            continue
    return numbers


def hardware(machine: Machine, cards: Sequence[str], *, here: bool) -> str:
    """The hardware of a search, without names of machines. `cards`: the models of its GPUs.

    Nodes without a core, such as the head of many a cluster, do not count. `here`: it is this
    machine, whose processor and memory are added.
    """
    nodes = sum(node.cpus > 0 for node in machine.nodes)
    parts = [] if here else [counted(nodes, "node")]
    processor, cores = _processor() if here else "", counted(round(machine.cpus), "CPU core")
    parts.append(cores + (f" ({processor})" if processor else ""))
    if here:
        parts.append(f"{psutil.virtual_memory().total / 2**30:.0f} GiB")
    if machine.gpus:
        models = f" ({', '.join(dict.fromkeys(cards))})" if cards else ""
        parts.append(counted(round(machine.gpus), "GPU") + models)
    return ", ".join(parts)


def _processor() -> str:
    """The processor's model; empty where the system does not say it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return platform.processor()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor())


def commit(folder: Path = CODE) -> str | None:
    """The git commit of the code in `folder`; None outside a repository.

    Ends in `+` where files differ from the commit.
    """

    def git(*args: str) -> str:
        return subprocess.run(
            # Else `status` writes the index, and where it is killed its lock stays behind.
            ["git", "--no-optional-locks", "-C", str(folder), *args],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + (
            "+" if git("status", "--porcelain", "--untracked-files=no") else ""
        )
    except (OSError, subprocess.SubprocessError):
        return None
