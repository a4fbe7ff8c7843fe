"""The output of a benchmark: an aligned table, the conditions, and all raw numbers as JSON."""

import json
import os
import platform
import shlex
import statistics
import sys
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from search.outputs.provenance import commit, versions
from search.outputs.tables import write


def say(line: str) -> None:
    """Print a line of progress with the time of day."""
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Align rows of cells, the first row a header; all columns but the first to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        first, *rest = (
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths))
        )
        lines.append("  ".join([first, *rest]).rstrip())
    return "\n".join(lines)


def spread(values: Sequence[float], digits: int = 3) -> str:
    """The median and the range, `12.1 (11.8..12.5)`; a dash for no values."""
    if not values:
        return "-"
    middle = number(statistics.median(values), digits)
    return (
        middle
        if len(values) == 1
        else f"{middle} ({number(min(values), digits)}..{number(max(values), digits)})"
    )


def number(value: float, digits: int = 3) -> str:
    """A number to so many significant digits, without exponent: 0.0123, 1.50, 124, 12,400."""
    if value == 0:
        return "0"
    exponent = int(f"{value:e}".partition("e")[2])
    decimals = max(0, digits - 1 - exponent)
    return f"{round(value, digits - 1 - exponent):,.{decimals}f}"


def conditions(module: str, argv: Sequence[str] | None) -> dict[str, Any]:
    """The command, the versions, the processor, the time and the machine's load."""
    arguments = sys.argv[1:] if argv is None else argv
    numbers = versions()
    for package in ("accelerate",):
        try:
            numbers[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "command": shlex.join(["python", "-m", module, *arguments]),
        "versions": numbers,
        "commit": commit(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "at": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "load": os.getloadavg(),
    }


def processor() -> str:
    """The name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(
            line.partition(":")[2].strip() for line in lines if line.startswith("model name")
        )
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def ending(facts: dict[str, Any]) -> str:
    """The last lines of the output: command, versions, processor and load."""
    load = ", ".join(f"{value:.1f}" for value in facts["load"])
    numbers = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    return "\n".join(
        [
            f"command    {facts['command']}",
            f"versions   {numbers}; commit {facts['commit'] or 'unknown'}",
            (
                f"processor  {facts['processor']}, {facts['cores']} cores; load before the first"
                f" measurement (1, 5, 15 minutes) {load}"
            ),
        ]
    )


def out_file(path: str | None) -> Path | None:
    """The file for raw numbers. Raises ValueError if its folder does not exist."""
    if path is None:
        return None
    file = Path(path).expanduser().resolve()
    if file.is_dir() or not file.parent.is_dir():
        raise ValueError(f"--out must be a file in an existing folder; got '{path}'")
    return file


def save(path: Path | None, facts: dict[str, Any]) -> None:
    """Write all raw numbers, if a file was named."""
    if path is not None:
        write(path, json.dumps(facts, indent=2) + "\n")
