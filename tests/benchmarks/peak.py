"""python -m tests.benchmarks.peak: what this machine's matrix units do at most, all cores at once.

Each core multiplies large square matrices of its own on one thread, all cores at the same time. The
best of several sizes and rounds is the peak: what comes near it is limited by the machine.
"""

import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import torch

from analysis.command import Parser

SIZES = (1024, 2048, 4096)
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
ROUNDS = 2
SECONDS = 0.5
"""Of each measurement; a product that has begun is ended."""
PATIENCE = 120.0
"""Seconds that processes wait for each other."""


def measure() -> dict[str, float]:
    """FLOP a second of all cores together, by precision; in a process of its own, which the workers
    can copy quickly."""
    argv = [sys.executable, "-m", "tests.benchmarks.peak", "--json"]
    done = subprocess.run(
        argv, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )
    rates: dict[str, float] = json.loads(done.stdout)
    return rates


def best(rates: Sequence[Sequence[float]]) -> float:
    """The highest sum over the processes; `rates` has a row a process, and in each row a
    measurement at the same place."""
    return max(sum(together) for together in zip(*rates))


def _measure() -> dict[str, float]:
    cores = os.cpu_count() or 1
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        cores, mp_context=spawn, initializer=_begin, initargs=(spawn.Barrier(cores),)
    ) as pool:
        rates = list(pool.map(_rates, range(cores)))  # the barrier keeps each process at one task
    return {name: best([process[name] for process in rates]) for name in DTYPES}


_together: Any = None


def _begin(barrier: Any) -> None:
    global _together
    _together = barrier
    torch.set_num_threads(1)


def _rates(_: int) -> dict[str, list[float]]:
    """One process's FLOP a second by precision, in each round and size."""
    return {name: [_rate(dtype, size) for size in SIZES * ROUNDS] for name, dtype in DTYPES.items()}


def _rate(dtype: torch.dtype, size: int) -> float:
    a, b = (torch.randn(size, size).to(dtype) for _ in range(2))
    out = a @ b
    _together.wait(PATIENCE)
    began, products = time.perf_counter(), 0
    while time.perf_counter() - began < SECONDS:
        torch.mm(a, b, out=out)
        products += 1
    return 2 * size**3 * products / (time.perf_counter() - began)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the peak of each precision."""
    p = Parser(prog="python -m tests.benchmarks.peak", description=__doc__)
    p.add_argument("--json", action="store_true", help="FLOP a second as JSON")
    args = p.parse_args(argv)
    rates = _measure()
    if args.json:
        print(json.dumps(rates))
    else:
        for name, rate in rates.items():
            print(f"{name}  {rate / 1e12:.2f} TFLOP/s on {os.cpu_count()} cores")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
