"""python -m tests.benchmarks.gpu: how fast a BERT-base trains on this card, one trial alone and
several packed on it.

Needs torch and transformers, and nothing from a network: the model has random weights, the
sentences random tokens; shapes and lengths are real ones. Trials run Regimen's own training code
with the settings of a search's workers (deterministic algorithms, one CPU thread), each in a
process of its own; they begin together, and only whole steps within their common window count. A
step is all from one mini-batch to the next; validation and the copy of the best weights are left
out. Rows are printed as they are measured.
"""

import argparse
import importlib.util
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import get_args

import torch

from analysis.command import FAILED, INTERRUPTED, OK, Parser
from tests.benchmarks.gpu import mps
from tests.benchmarks.gpu.card import Card
from tests.benchmarks.gpu.job import Determinism, Failed, Job, Setting
from tests.benchmarks.gpu.pool import START_SECONDS, ProcessPool
from tests.benchmarks.gpu.report import Report, head, say_head
from tests.benchmarks.gpu.row import Row
from tests.benchmarks.gpu.trial import LOSSES, Trial
from trainables.parts.model.encoder import Precision

AFTER = 60.0
"""Seconds that a trial may take beyond its window, for the profile and the rest."""
LATEST = 20.0
"""Seconds after the deadline within which the last cell has to end."""


class Benchmark:
    """Measures the cells one after another until the time is over."""

    def __init__(self, args: argparse.Namespace, report: Report, deadline: float) -> None:
        self.args = args
        self.report = report
        self.deadline = deadline

    def hugging_face(self, setting: Setting) -> None:
        """One row per batch size, in a process of its own."""
        if importlib.util.find_spec("accelerate") is None:
            self.report.note("HF Trainer: not measured, it needs the package accelerate")
            return
        from tests.benchmarks.gpu.hf import HuggingFace

        with ProcessPool(replace(setting, determinism="none")) as pool:
            for batch_size in self.args.batch_sizes:
                self._cell(
                    pool,
                    Row("HF Trainer", batch_size, 1, mps=False),
                    [HuggingFace(batch_size, self.args.seconds)],
                )

    def trials(self, pool: ProcessPool) -> None:
        """All cells without MPS."""
        for loss, batch_size, packed in self._cells():
            self._trials(pool, loss, batch_size, packed, mps=False)

    def profiles(self, setting: Setting) -> None:
        """Profile a trial that runs alone, in a process of its own."""
        with ProcessPool(setting) as pool:
            for loss, batch_size in product(self.args.losses, self.args.batch_sizes):
                self._cell(
                    pool,
                    Row(loss, batch_size, 1, mps=False),
                    [Trial(loss, batch_size, 0, 0.5, profiled=True)],
                )

    def trials_with_mps(self, setting: Setting) -> None:
        """The cells with more than one trial, with MPS."""
        cells = [cell for cell in self._cells() if cell[2] > 1]
        if not cells:
            return
        try:
            with (
                mps.daemon() as daemon,
                ProcessPool(replace(setting, environment=daemon.environment)) as pool,
            ):
                for loss, batch_size, packed in cells:
                    self._trials(pool, loss, batch_size, packed, mps=True)
                    if not daemon.serves():
                        raise mps.Unavailable("the daemon runs, but no process became its client")
                    if "no answer" in (self.report.rows[-1].failed or ""):
                        raise mps.Unavailable("its clients hang")
        except mps.Unavailable as error:
            self.report.note(
                f"MPS is not available: {error}; rows that say otherwise are without it"
            )

    def _cells(self) -> Iterator[tuple[str, int, int]]:
        return product(self.args.losses, self.args.batch_sizes, self.args.packed)

    def _trials(
        self, pool: ProcessPool, loss: str, batch_size: int, packed: int, *, mps: bool
    ) -> None:
        jobs = [Trial(loss, batch_size, seed, self.args.seconds) for seed in range(packed)]
        self._cell(pool, Row(loss, batch_size, packed, mps), jobs)

    def _cell(self, pool: ProcessPool, row: Row, jobs: Sequence[Job]) -> None:
        if time.monotonic() > self.deadline:
            self.report.note(
                f"{row.what}, batch {row.batch_size}, {row.packed} packed, MPS {row.mps}: not"
                " measured, the time is over"
            )
            return
        left = self.deadline + LATEST - time.monotonic()
        self.report.add(
            row, pool.run(jobs, min(self.args.seconds + AFTER, left), min(START_SECONDS, left))
        )


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    p = Parser(
        prog="python -m tests.benchmarks.gpu",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument(
        "--batch-sizes",
        type=int,
        nargs="+",
        default=[16, 64, 256],
        metavar="N",
        help="sentences a step (default: 16 64 256)",
    )
    p.add_argument(
        "--packed",
        type=int,
        nargs="+",
        default=[1, 2, 4, 8, 16],
        metavar="N",
        help="trials at a time (default: 1 2 4 8 16)",
    )
    p.add_argument(
        "--losses",
        nargs="+",
        choices=LOSSES,
        default=["cross-entropy", "supcon"],
        help="default: cross-entropy supcon",
    )
    p.add_argument(
        "--seconds",
        type=float,
        default=2.5,
        metavar="S",
        help="timed in each cell, after its warm-up (default: 2.5)",
    )
    p.add_argument(
        "--minutes",
        type=float,
        default=8.0,
        metavar="M",
        help="after which no further cell begins (default: 8)",
    )
    p.add_argument(
        "--precision",
        choices=get_args(Precision),
        default="bf16",
        help="of the matrix products (default: bf16)",
    )
    p.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="default: cuda")
    p.add_argument("--layers", type=int, default=12, metavar="N", help="of the BERT (default: 12)")
    p.add_argument(
        "--width",
        type=int,
        default=768,
        metavar="N",
        help="of the BERT, a multiple of 64 (default: 768)",
    )
    p.add_argument(
        "--hf",
        action="store_true",
        help="measure Hugging Face's Trainer too, one training at a time; needs accelerate",
    )
    p.add_argument(
        "--no-mps", dest="mps", action="store_false", help="leave out the cells with MPS"
    )
    p.add_argument(
        "--determinism",
        choices=get_args(Determinism),
        default="search",
        help=(
            "search: as its workers; unfilled: without filling new tensors first; strict: that, and"
            " errors instead of warnings; none: torch's defaults (default: search)"
        ),
    )
    p.add_argument(
        "--out", type=Path, metavar="FILE", help="write all figures as JSON, anew after every row"
    )
    args = p.parse_args(argv)
    args.packed.sort()  # one alone comes first: the others are compared with it
    for name in ("batch_sizes", "packed"):
        if min(getattr(args, name)) < 1:
            flag = name.replace("_", "-")
            p.error(f"--{flag} must be at least 1; got {min(getattr(args, name))}")
    if args.layers < 1 or args.width < 64 or args.width % 64:
        p.error(
            f"--layers must be at least 1 and --width a multiple of 64; got {args.layers} and"
            f" {args.width}"
        )
    if not 0 < args.seconds <= 60 or not args.minutes > 0:
        p.error(
            f"--seconds must be above 0 and at most 60, --minutes above 0; got {args.seconds:g} and"
            f" {args.minutes:g}"
        )
    if args.out and not args.out.absolute().parent.is_dir():
        p.error(f"--out lies in a folder that exists; there is no {args.out.absolute().parent}")
    if args.device == "cuda" and not torch.cuda.is_available():
        p.error(
            "--device cuda needs a CUDA card, and torch finds none; use --device cpu with a small"
            " --layers and --width"
        )
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Return 0 if every cell was measured, 1 if one failed."""
    args = parse(argv)
    deadline = time.monotonic() + 60 * args.minutes
    signal.signal(
        signal.SIGTERM, signal.default_int_handler
    )  # so that workers and the daemon are ended then, too
    setting = Setting(args.device, args.precision, args.layers, args.width, args.determinism)
    try:
        with ProcessPool(setting) as pool:
            (card,) = pool.run([Card()], AFTER)
            if isinstance(card, Failed):
                print(f"error: the card can't be measured: {card.reason}", file=sys.stderr)
                return FAILED
            facts = head(args, sys.argv[1:] if argv is None else argv, card)
            say_head(facts)
            report = Report(args.out, facts, card.rate)
            benchmark = Benchmark(args, report, deadline)
            if args.hf:
                benchmark.hugging_face(setting)
            benchmark.trials(pool)
        if args.device == "cuda":
            benchmark.profiles(setting)
            if args.mps:
                benchmark.trials_with_mps(setting)
    except KeyboardInterrupt:
        return INTERRUPTED
    return FAILED if any(row.failed for row in report.rows) else OK


if __name__ == "__main__":
    raise SystemExit(main())
