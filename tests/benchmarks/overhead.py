"""python -m tests.benchmarks.overhead: what a trial costs beside training, where it goes, and how
it grows with the search.

A search whose regime trains nothing: a trial builds its model, sleeps `--seconds` in three epochs
and reports each. All else is search.run's own: Ray Tune with warm workers, the journal on the disk,
ASHA's pruner, MLflow in an sqlite file, no choice or report runs. The regime is put into a copy of
the packages, `--code` names another tree to copy them from, as one of an earlier version is.

With `--address` it runs on a cluster that is there, such as one with 200 logical slots: `ray start
--head --num-cpus=200`. Each slot has a process of its own, of some 300 MiB; with `--empty`, trials
build no model and import no torch, which takes a third of that.

Dead time of a slot is what a trial does not sleep: from the last trial's end to this one's
beginning, building the model, and reports until they are answered. The first ten trials, in which
workers start, are left out of it. Times of the driver's parts overlap: MLflow and the terminal have
threads of their own, and the loop contains asking and recording.
"""

import argparse
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from analysis.command import Parser
from search.spec import Sampler
from search.study.study import JOURNAL
from tests.benchmarks import program, report
from tests.benchmarks.overhead_figures import WARM, Size, Slots, sizes, slots
from tests.benchmarks.process import FOREIGN, ROOT

NAME, REGIME = "overhead", "asleep"
PACKAGES = ("search", "trainables", "spaces", "analysis")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse the flags. Raises ValueError for invalid values."""
    cores = os.cpu_count() or 1
    p = Parser(
        prog="python -m tests.benchmarks.overhead",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument(
        "--trials", type=int, default=500, metavar="N", help=f"at least {2 * WARM} (default: 500)"
    )
    p.add_argument(
        "--seconds", type=float, default=0.0, metavar="S", help="that a trial sleeps (default: 0)"
    )
    p.add_argument(
        "--slots",
        type=int,
        default=cores,
        metavar="N",
        help=f"trials at a time (default: a core each, {cores})",
    )
    p.add_argument("--address", metavar="ADDR", help="of a Ray cluster (default: one of its own)")
    p.add_argument("--sampler", choices=get_args(Sampler), default="tpe", help="default: tpe")
    p.add_argument(
        "--data",
        default="embedded",
        metavar="SOURCE",
        help="as search.run has it (default: embedded)",
    )
    p.add_argument(
        "--model",
        default="minilm",
        metavar="SOURCE",
        help="that each trial builds (default: minilm)",
    )
    p.add_argument(
        "--code",
        type=Path,
        default=ROOT,
        metavar="DIR",
        help="a checkout, whose search is measured (default: this one)",
    )
    p.add_argument("--empty", action="store_true", help="trials build no model and import no torch")
    p.add_argument("--out", metavar="FILE", help="every raw number as JSON")
    args = p.parse_args(argv)
    if args.trials < 2 * WARM:
        raise ValueError(f"--trials must be at least {2 * WARM}; got {args.trials}")
    if not 0 <= args.seconds <= 3600:
        raise ValueError(f"--seconds must be from 0 to 3600; got {args.seconds:g}")
    most = cores if args.address is None else math.inf
    if not 1 <= args.slots <= most:
        raise ValueError(
            f"--slots must be from 1 to {cores}, the cores that are here, or more with --address;"
            f" got {args.slots}"
        )
    for package in PACKAGES:
        if not (args.code / package).is_dir():
            raise ValueError(
                f"--code must be a checkout with the folders {', '.join(PACKAGES)};"
                f" '{args.code}' has no {package}"
            )
    return args


class Benchmark:
    """A search in a copy of the code, and the tables of what it recorded."""

    def __init__(
        self, args: argparse.Namespace, out: Path | None, facts: dict[str, Any], work: Path
    ) -> None:
        self.args, self.out, self.facts, self.work = args, out, facts, work
        self.began = self.ended = 0.0
        self.failed = "it was stopped"

    def run(self) -> None:
        """Run the search."""
        code = self._copy()
        argv = [
            "--regime",
            REGIME,
            "--name",
            NAME,
            "--trials",
            str(self.args.trials),
            "--sampler",
            self.args.sampler,
            "--no-confirm",
        ]
        argv += [
            "--max-concurrent",
            str(self.args.slots),
            "--gpus-per-trial",
            "0",
            "--results",
            str(self.work / "results"),
        ]
        argv += ["--data", self.args.data, "--model", self.args.model]
        workers = {
            "OVERHEAD_SECONDS": str(self.args.seconds),
            "OVERHEAD_WORKERS": str(self.work / "workers.jsonl"),
        }
        own = {
            "OVERHEAD_DRIVER": str(self.work / "driver.json"),
            "OVERHEAD_JOURNAL": str(self.work / "results" / NAME / JOURNAL),
            "PYTHONPATH": str(code),
            **workers,
            **({"OVERHEAD_EMPTY": "1"} if self.args.empty else {}),
        }
        if self.args.address is not None:
            environment = self.work / "environment.json"
            environment.write_text(json.dumps({"env_vars": workers}))
            argv += ["--address", self.args.address, "--runtime-env", str(environment)]
        kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        self.began = time.monotonic()
        with (self.work / "log").open("wb") as log:
            command = [sys.executable, str(code / "overhead_driver.py"), *argv]
            process = subprocess.Popen(
                command, cwd=code, env={**kept, **own}, stdout=log, stderr=subprocess.STDOUT
            )
            try:
                process.wait()
            finally:
                # If the benchmark is interrupted, the search ends gracefully with its workers.
                process.terminate()
                process.wait()
        self.ended = time.monotonic()
        said = (self.work / "log").read_text(encoding="utf-8", errors="replace").split("\n")
        self.failed = (
            ""
            if process.returncode == 0
            else next((line for line in reversed(said) if line.strip()), "it printed nothing")
        )
        if process.returncode == 2:
            raise ValueError(self.failed.removeprefix("error: "))

    def _copy(self) -> Path:
        """Copy the packages, with one more regime and the program that times them."""
        code, here = self.work / "code", Path(__file__).parent
        for package in PACKAGES:
            shutil.copytree(
                self.args.code / package,
                code / package,
                ignore=shutil.ignore_patterns("__pycache__"),
            )
        shutil.copy(here / "overhead_regime.py", code / "trainables" / f"{REGIME}.py")
        shutil.copy(code / "spaces" / "llrd_warmup.py", code / "spaces" / f"{REGIME}.py")
        shutil.copy(here / "overhead_driver.py", code)
        return code

    def report(self) -> bool:
        """Print the tables and write the numbers; return whether the search succeeded."""
        if self.failed:
            print(f"the search failed: {self.failed}", file=sys.stderr)
            return False
        driver = json.loads((self.work / "driver.json").read_text())
        lines = [
            json.loads(line) for line in (self.work / "workers.jsonl").read_text().splitlines()
        ]
        trials, count, seconds = driver["trials"], self.args.slots, self.args.seconds
        measured, grown = slots(lines, count, seconds), sizes(driver["asked"])
        first, last = min(line["began"] for line in lines), max(line["ended"] for line in lines)
        ideal = (
            f", {(last - first) * count / seconds / len(lines):.3f} times the ideal"
            if seconds
            else ""
        )
        print(
            f"{len(lines)} trials of {seconds:g} s on {count} slots ({measured.workers} workers),"
            f" sampler {self.args.sampler}"
        )
        print(
            f"  {trials['began'] - self.began:.1f} s to the first question,"
            f" {first - trials['began']:.1f} s more to the first trial"
        )
        print(
            f"  {last - first:.1f} s of trials{ideal}; after the first {WARM},"
            f" {measured.trial:.3f} s"
            " a trial"
        )
        print(
            f"  {self.ended - last:.1f} s to the end: tables, the report, and what MLflow lacks\n"
        )
        print(
            slots_table(measured),
            driver_table(driver, len(lines)),
            sizes_table(grown),
            report.ending(self.facts),
            sep="\n\n",
        )
        figures = {
            "began": self.began,
            "ended": self.ended,
            "slots": asdict(measured),
            "sizes": [asdict(size) for size in grown],
        }
        report.save(self.out, {**self.facts, **figures, "driver": driver, "workers": lines})
        return True


def slots_table(measured: Slots) -> str:
    """Where a slot's time goes."""
    rows = [
        ["a slot's dead time, ms a trial", "median", "mean", "90 %"],
        ["all of it", "", f"{1e3 * measured.dead:.1f}", ""],
    ]
    parts = {
        "from one trial to the next": measured.between,
        "building the model": measured.building,
        "reports, all of a trial": measured.reports,
    }
    for name, values in parts.items():
        tenth = statistics.quantiles(values, n=10)[-1]
        rows.append(
            [
                f"  {name}",
                *(
                    f"{1e3 * value:.1f}"
                    for value in (statistics.median(values), statistics.mean(values), tenth)
                ),
            ]
        )
    return report.table(rows)


def driver_table(driver: dict[str, Any], trials: int) -> str:
    """What the driver does for a trial."""
    rows = [["the driver, a trial", "calls", "wall ms", "processor ms"]]
    for name, (calls, wall, cpu) in driver["parts"].items():
        rows.append(
            [
                name,
                f"{calls / trials:.2f}",
                f"{1e3 * wall / trials:.2f}",
                f"{1e3 * cpu / trials:.2f}",
            ]
        )
    rows.append(["the whole process", "", "", f"{1e3 * driver['trials']['driver'] / trials:.2f}"])
    rows.append(
        ["Ray's own processes", "", "", f"{1e3 * driver['trials']['services'] / trials:.2f}"]
    )
    return report.table(rows)


def sizes_table(grown: Sequence[Size]) -> str:
    """How the driver grows."""
    rows = [
        [
            "trials",
            "journal MB",
            "driver MB",
            "a question ms",
            "reports ms",
            "MLflow ms",
            "driver ms",
        ]
    ]
    for size in grown:
        times = (size.ask, size.record, size.mlflow, size.driver)
        rows.append(
            [
                f"{size.trials:,}",
                f"{size.journal / 1e6:.2f}",
                f"{size.rss / 1e6:.0f}",
                *(f"{1e3 * value:.1f}" for value in times),
            ]
        )
    return report.table(rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Return 0, 1 if the search failed, 2 for bad input, 130 after ^C."""

    def prepare(work: Path) -> Benchmark:
        args = parse(argv)
        return Benchmark(
            args,
            report.out_file(args.out),
            report.conditions("tests.benchmarks.overhead", argv),
            work,
        )

    return program.run(prepare)


if __name__ == "__main__":
    raise SystemExit(main())
