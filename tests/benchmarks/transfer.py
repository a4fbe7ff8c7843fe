"""How well does a small encoder tell which configuration is best for a larger one?

Trains the same random configurations of a regime on both, carried over as `search.train --model`
carries a recipe. Prints Spearman's rank correlations, and what the larger encoder loses by the
configuration that the small one prefers. Every run is a line of --out as soon as it ends; run
again, the program goes on where it stopped.
"""

import argparse
import contextlib
import json
import math
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import stats

import trainables
from analysis.command import INTERRUPTED, OK, USER_ERROR, Parser, refusal
from search.final.transfer import layers, rescaled
from search.inputs import Prepared, prepare, resolve_precision
from tests.benchmarks import corpus
from tests.benchmarks.random_configurations import configurations

Run = dict[str, Any]
"""A line of --out: what was trained, and once it has ended its `accuracies`."""
Curves = Sequence[Sequence[float]]
"""Validation accuracy after each epoch, a row a configuration."""
_prepared: dict[str, Prepared] = {}


def runs(args: argparse.Namespace) -> Iterator[Run]:
    """Each configuration for the small encoder, then carried to the large one."""
    old, new = layers(args.small), layers(args.large)
    drawn = configurations(args.regime, args.configurations, args.seed)
    for model, encoder_layers in ((args.small, old), (args.large, new)):
        for config in drawn:
            yield {
                "model": model,
                "data": args.data,
                "sentences": args.sentences,
                "regime": args.regime,
                "epochs": args.epochs,
                "config": config | rescaled(config, old, encoder_layers),
            }


def train(run: Run) -> Run:
    """The run with its validation accuracies: 0 from where the loss was not finite."""
    module, prepared = trainables.load(run["regime"]), _prepared[run["model"]]
    accuracies = [0.0] * run["epochs"]
    with contextlib.suppress(FloatingPointError):
        for epoch in module.train(
            module.Config.from_dict(run["config"]),
            prepared.data,
            prepared.small.build(resolve_precision("auto", gpu=False)),
            epochs=run["epochs"],
            seed=0,
        ):
            accuracies[epoch.epoch - 1] = epoch.validation_accuracy
    return run | {"accuracies": accuracies}


def correlation(first: Sequence[float], second: Sequence[float]) -> tuple[float, float, float]:
    """Spearman's rank correlation and its 95 % interval, by Fisher's transformation with the
    standard error of Fieller et al. 1957, 1.03 / sqrt(n - 3)."""
    rho = float(stats.spearmanr(first, second).statistic)
    if abs(rho) >= 1:
        return rho, rho, rho
    half = 1.96 * 1.03 / math.sqrt(len(first) - 3)
    return rho, math.tanh(math.atanh(rho) - half), math.tanh(math.atanh(rho) + half)


def table(small: Curves, large: Curves) -> str:
    """What the small encoder's scores after an epoch and at the end tell about the large one's
    end, and what the large one's own first epoch tells."""
    end = [max(curve) for curve in large]
    lines = [
        f"| ranked by | correlation with the large encoder's end (95 %, n={len(end)})"
        " | lost by the first of them, points |",
        "|---|---|---|",
    ]
    for name, scores in (
        ("small encoder, first epoch", [curve[0] for curve in small]),
        ("small encoder, end", [max(curve) for curve in small]),
        ("large encoder, first epoch", [curve[0] for curve in large]),
    ):
        rho, low, high = correlation(scores, end)
        lost = max(end) - end[int(np.argmax(scores))]
        lines.append(f"| {name} | {rho:.2f} ({low:.2f} to {high:.2f}) | {100 * lost:.1f} |")
    return "\n".join(lines)


def _begin(data: str, models: Sequence[str]) -> None:
    torch.set_num_threads(1)
    _prepared.update({model: prepare(data, model) for model in models})


def main(argv: Sequence[str] | None = None) -> int:
    """The program; returns its exit code."""
    p = Parser(prog="python -m tests.benchmarks.transfer", description=__doc__)
    p.add_argument("--large", required=True, metavar="SOURCE", help="as search.run has --model")
    p.add_argument("--small", default="minilm", metavar="SOURCE", help="(default: minilm)")
    p.add_argument(
        "--regime", default="llrd_warmup", choices=trainables.names(), help="(default: llrd_warmup)"
    )
    p.add_argument("--configurations", type=int, default=8, metavar="N", help="(default: 8)")
    p.add_argument("--epochs", type=int, default=5, metavar="N", help="of each run (default: 5)")
    p.add_argument("--data", default="embedded", metavar="SOURCE", help="(default: embedded)")
    p.add_argument(
        "--sentences", type=int, default=400, metavar="N", help="of training (default: 400)"
    )
    p.add_argument("--seed", type=int, default=0, metavar="N", help="of the draws (default: 0)")
    p.add_argument(
        "--processes",
        type=int,
        default=os.cpu_count() or 1,
        metavar="N",
        help="side by side, a thread each (default: a core each)",
    )
    p.add_argument("--out", type=Path, required=True, metavar="FILE", help="JSON lines, one a run")
    args = p.parse_args(argv)
    if args.configurations < 4:
        p.error(f"--configurations must be at least 4, for an interval; got {args.configurations}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    try:
        with contextlib.suppress(KeyboardInterrupt), tempfile.TemporaryDirectory() as folder:
            corpus.write(args.data, args.sentences, args.seed, Path(folder))
            _train_missing(list(runs(args)), folder, args.processes, args.out)
    except ValueError as error:
        print(refusal(error), file=sys.stderr)
        return USER_ERROR
    curves = [_curve(run, _ended(args.out)) for run in runs(args)]
    ended = [curve for curve in curves if curve is not None]
    if len(ended) < len(curves):
        return INTERRUPTED
    print(table(ended[: args.configurations], ended[args.configurations :]))
    return OK


def _train_missing(wanted: Sequence[Run], data: str, processes: int, out: Path) -> None:
    """Train the runs that `out` lacks, and append each as a line."""
    models = list(dict.fromkeys(run["model"] for run in wanted))
    missing = [run for run in wanted if _curve(run, _ended(out)) is None]
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes, _begin, (data, models)) as pool, out.open("a") as file:
        for run in pool.imap_unordered(train, missing):
            file.write(json.dumps(run) + "\n")
            file.flush()
            print(f"{run['model']}: {run['accuracies']}", flush=True)


def _ended(out: Path) -> list[Run]:
    return [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []


def _curve(run: Run, ended: Sequence[Run]) -> list[float] | None:
    """The accuracies of this run, if it has ended."""
    return next((row["accuracies"] for row in ended if row.items() >= run.items()), None)


if __name__ == "__main__":
    raise SystemExit(main())
