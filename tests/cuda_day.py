"""python -m tests.cuda_day: everything that a card has to show, in one go, as one Markdown table.

It runs tests/test_cuda.py, the same search with one trial, four and a measured number of trials on
the card, and the benchmark of the card, each as a command of its own. What fails has its row too.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import torch

from analysis.atomic import write
from analysis.command import FAILED, OK, Parser
from analysis.text import duration
from tests.benchmarks import report
from tests.processes import ROOT

Row = tuple[str, str, str]
"""What ran, its result, and how long it took."""
HEAD: Row = ("what", "result", "time")
CUDA_TESTS = "tests/test_cuda.py"
FRACTIONS = {"cuda": ("1", "0.25", "auto"), "cpu": ("0",)}


def run(argv: Sequence[str]) -> tuple[int, str, float]:
    """Run `python -m` with these arguments: exit code, the last line of output, seconds."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", *argv], cwd=ROOT, env=os.environ, capture_output=True, text=True
    )
    lines = (done.stdout + done.stderr).strip().splitlines()
    return done.returncode, lines[-1] if lines else "", time.monotonic() - began


def tests(folder: Path) -> Iterator[Row]:
    """A row for each test that needs a card."""
    out = folder / "tests.xml"
    code, last, seconds = run(
        ["pytest", "-q", "-n", "0", "-p", "no:cacheprovider", f"--junitxml={out}", CUDA_TESTS]
    )
    if not out.exists():
        yield CUDA_TESTS, f"exit code {code}: {last}", duration(seconds)
        return
    for case in ElementTree.parse(out).iter("testcase"):
        problem = next((each for each in case if each.tag in ("failure", "error", "skipped")), None)
        said = "passed" if problem is None else f"{problem.tag}: {problem.get('message', '')}"
        yield str(case.get("name")), said, duration(float(case.get("time", 0)))


def searches(folder: Path, args: argparse.Namespace) -> Iterator[Row]:
    """The same search on several fractions of the card."""
    for fraction in FRACTIONS[args.device]:
        name = f"fraction-{fraction.replace('.', '-')}"
        code, last, seconds = run(
            [
                *f"search.run --regime supcon --no-confirm --name {name}".split(),
                *f"--trials {args.trials} --gpus-per-trial {fraction}".split(),
                *["--data", args.data, "--model", args.model, "--results", str(folder)],
            ]
        )
        summary = folder / name / "summary.json"
        if code or not summary.exists():
            said = f"exit code {code}: {last}"
        else:
            said = of_search(json.loads(summary.read_text(encoding="utf-8")), args.trials)
        yield f"search, {args.trials} trials, {fraction} of a card", said, duration(seconds)


def of_search(summary: dict[str, Any], trials: int) -> str:
    """How a search went, in words."""
    states = ", ".join(f"{count} {state.lower()}" for state, count in summary["states"].items())
    rate = 3600 * trials / summary["seconds"]
    return f"{states}; best {summary['best_validation_accuracy']:.4f}; {rate:.0f} trials an hour"


def benchmark(folder: Path, args: argparse.Namespace) -> Iterator[Row]:
    """A row for each cell of the benchmark."""
    out = folder / "gpu.json"
    small = "--layers 1 --width 64 --batch-sizes 4 --packed 1 2 --seconds 1 --device cpu"
    code, last, seconds = run(
        [
            *["tests.benchmarks.gpu", "--minutes", str(args.minutes), "--out", str(out)],
            *(small.split() if args.device == "cpu" else []),
        ]
    )
    if out.exists():
        for row in json.loads(out.read_text(encoding="utf-8"))["rows"]:
            said = row["failed"] or (
                f"{row['sentences_per_s']:.0f} sentences a second,"
                f" {row['times_alone'] or 1:.2f} times one alone"
            )
            what = f"{row['what']}, batch {row['batch_size']}, {row['packed']} at a time"
            yield what + (", MPS" if row["mps"] else ""), said, ""
    yield (
        "tests.benchmarks.gpu",
        f"exit code {code}" + (f": {last}" if code else ""),
        (duration(seconds)),
    )


def markdown(rows: Sequence[Row], facts: dict[str, Any], card: str) -> str:
    """The table with its conditions."""
    lines = [f"# {card}", "", row_of(HEAD), "|---|---|---|", *map(row_of, rows), ""]
    return "\n".join([*lines, "```", report.ending(facts), "```", ""])


def row_of(row: Row) -> str:
    cells = (" ".join(cell.split()).replace("|", "\\|") for cell in row)
    return f"| {' | '.join(cells)} |"


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    p = Parser(
        prog="python -m tests.cuda_day",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("--out", type=Path, default=Path("cuda-day.md"), metavar="FILE")
    p.add_argument("--trials", type=int, default=24, metavar="N", help="of a search (default: 24)")
    p.add_argument("--data", default="embedded", metavar="SOURCE", help="default: embedded")
    p.add_argument("--model", default="minilm", metavar="SOURCE", help="default: minilm")
    p.add_argument(
        "--minutes", type=float, default=8.0, metavar="M", help="of the benchmark (default: 8)"
    )
    p.add_argument(
        "--device",
        choices=("cuda", "cpu"),
        default="cuda",
        help="cpu: try this program without a card (default: cuda)",
    )
    args = p.parse_args(argv)
    if args.device == "cuda" and not torch.cuda.is_available():
        p.error("a day on a card needs a CUDA card, and torch finds none")
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """The program; returns 1 where anything failed."""
    args = parse(argv)
    facts = report.conditions("tests.cuda_day", argv)
    card = torch.cuda.get_device_name(0) if args.device == "cuda" else "no card"
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="cuda-day-") as name:
        folder = Path(name)
        for part in (tests(folder), searches(folder, args), benchmark(folder, args)):
            for row in part:
                rows.append(row)
                print(row_of(row), flush=True)
                write(args.out, markdown(rows, facts, card))
    print(args.out)
    bad = ("failure", "error", "exit code 1", "exit code 2", "exit code 3", "exit code -")
    return FAILED if any(said.startswith(bad) for _, said, _ in rows) else OK


if __name__ == "__main__":
    raise SystemExit(main())
