"""How much of each search space learns at all: random configurations, trained at the full budget on
a small real data set.

A configuration has learned where its accuracy on validation is above the untrained encoder's by at
least a quarter of what that lacks. The untrained encoder is judged as the regime itself judges: by
a ridge classifier in the contrastive regimes, by a random classifier elsewhere. Two-stage trials
also tell what their classifier lost of what its judge saw. Every configuration is a line of --out
as soon as it is trained; run again, the program goes on where it stopped.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import signal
import sys
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import optuna
import torch
from optuna.samplers import RandomSampler

import trainables
from analysis.command import INTERRUPTED, OK, USER_ERROR, Parser, refusal
from analysis.intervals import wilson
from search.inputs import Prepared, prepare, resolve_precision
from search.spec import SearchSpec
from search.study.configuration import configuration
from tests.benchmarks import corpus
from trainables.parts.training.contrastive import Contrastive
from trainables.parts.training.frozen import encode
from trainables.parts.training.ridge import ridge

LEARNED = 0.25
"""Of what the untrained encoder's accuracy lacks to 1."""
_prepared: Prepared


def configurations(regime: str, count: int, seed: int) -> list[dict[str, Any]]:
    """The first `count` random configurations of a regime's space."""
    spec = SearchSpec(regime=regime, data="embedded", model="minilm")
    study = optuna.create_study(
        sampler=RandomSampler(seed=seed + zlib.crc32(regime.encode()) % 2**31)
    )
    return [configuration(spec, study.ask()) for _ in range(count)]


def train(job: tuple[str, int, dict[str, Any]]) -> dict[str, Any]:
    """One configuration's row:

    `judge` is the best accuracy of the first stage, `final` the last stage's.
    """
    regime, number, config = job
    precision = resolve_precision("auto", gpu=False)
    row = {
        "regime": regime,
        "number": number,
        "config": config,
        "floor": floor(regime, config),
        "judge": None,
        "final": None,
        "failed": None,
    }
    module = trainables.load(regime)
    try:
        encoder = _prepared.small.build(precision)
        epochs = list(
            module.train(
                module.Config.from_dict(config),
                _prepared.data,
                encoder,
                epochs=module.EPOCHS,
                seed=0,
            )
        )
    except FloatingPointError as error:
        return row | {"failed": str(error)}
    first = [epoch.validation_accuracy for epoch in epochs if epoch.stage == epochs[0].stage]
    return row | {
        "judge": max(first),
        "final": epochs[-1].best_validation_accuracy,
        "seconds": round(sum(epoch.seconds for epoch in epochs), 1),
    }


def judged_by_ridge(regime: str) -> bool:
    """Whether a ridge classifier on frozen vectors judges the epochs of a regime."""
    return issubclass(trainables.load(regime).Config, Contrastive)


def floor(regime: str, config: dict[str, Any]) -> float:
    """The untrained encoder's accuracy on validation, as the regime judges it."""
    data = _prepared.data
    if not judged_by_ridge(regime):
        return 1 / len(data.labels)
    encoder = _prepared.small.build(resolve_precision("auto", gpu=False))
    train, validation = encode(encoder, data)[config["pooling"]]
    solution = ridge(train.vectors, train.targets, len(data.labels))
    return solution.scores(validation.vectors, validation.targets).accuracy


def learned(row: dict[str, Any]) -> bool:
    """Whether a configuration ended well above the untrained encoder."""
    return row["final"] is not None and row["final"] >= row["floor"] + LEARNED * (1 - row["floor"])


def table(rows: Sequence[dict[str, Any]]) -> str:
    """A line a regime: how many learned, with Wilson's 95 % interval; and the most that a
    classifier lost of its judge's accuracy."""
    lines = [
        (
            "| regime | learned | share (95 %) | lowest, median, highest | most lost by the"
            " classifier, points |"
        ),
        "|---|---|---|---|---|",
    ]
    for regime in dict.fromkeys(row["regime"] for row in rows):
        own = [row for row in rows if row["regime"] == regime]
        good = sum(map(learned, own))
        low, high = wilson(good / len(own), len(own))
        scores = sorted(row["final"] or 0.0 for row in own)
        spread = ", ".join(f"{100 * scores[place]:.1f}" for place in (0, len(scores) // 2, -1))
        lost = [
            row["judge"] - row["final"]
            for row in own
            if row["final"] is not None and judged_by_ridge(regime)
        ]
        most = f"{100 * max(lost):.1f}" if lost else "\N{EN DASH}"
        lines.append(
            f"| `{regime}` | {good} of {len(own)} | {good / len(own):.0%} ({low:.0%} to {high:.0%})"
            f" | {spread} | {most} |"
        )
    return "\n".join(lines)


def _begin(data: str, model: str) -> None:
    global _prepared
    torch.set_num_threads(1)
    _prepared = prepare(data, model)


def _some(args: argparse.Namespace, folder: Path) -> str:
    """The data, or a folder with some of it."""
    if args.sentences is None:
        return str(args.data)
    corpus.write(args.data, args.sentences, args.seed, folder)
    return str(folder)


def main(argv: Sequence[str] | None = None) -> int:
    """The program; returns its exit code."""
    trained = [
        name
        for name in trainables.names()
        if "dropout" in {field.name for field in fields(trainables.load(name).Config)}
    ]
    trained.remove("untuned")
    p = Parser(prog="python -m tests.benchmarks.random_configurations", description=__doc__)
    p.add_argument(
        "--regimes",
        nargs="+",
        choices=trained,
        default=trained,
        help="(default: all that train something)",
    )
    p.add_argument(
        "--configurations", type=int, default=10, metavar="N", help="of each regime (default: 10)"
    )
    p.add_argument(
        "--data",
        default="embedded",
        metavar="SOURCE",
        help="as search.run has it (default: embedded)",
    )
    p.add_argument(
        "--model", default="minilm", metavar="SOURCE", help="as search.run has it (default: minilm)"
    )
    p.add_argument(
        "--sentences",
        type=int,
        metavar="N",
        help="training sentences to use, drawn by the seed (default: all)",
    )
    p.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of the random draw (default: 0)"
    )
    p.add_argument(
        "--processes",
        type=int,
        default=os.cpu_count() or 1,
        metavar="N",
        help="side by side, a thread each (default: a core each)",
    )
    p.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help="JSON lines, one a configuration; what is there is not trained again",
    )
    args = p.parse_args(argv)
    try:
        rows = (
            [json.loads(line) for line in args.out.read_text().splitlines()]
            if args.out.exists()
            else []
        )
    except ValueError as error:
        print(refusal(f"--out {args.out} is not a file of this program: {error}"), file=sys.stderr)
        return USER_ERROR
    on = f"{args.data}, {args.sentences or 'all'} sentences, {args.model}"
    jobs = [
        (regime, number, config)
        for regime in args.regimes
        for number, config in enumerate(configurations(regime, args.configurations, args.seed))
    ]
    known = [(row["regime"], row["config"]) for row in rows if row["on"] == on]
    missing = sorted((job for job in jobs if (job[0], job[2]) not in known), key=lambda job: job[1])
    args.out.parent.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with (
        contextlib.suppress(KeyboardInterrupt),
        tempfile.TemporaryDirectory() as folder,
        multiprocessing.get_context("spawn").Pool(
            args.processes, _begin, (_some(args, Path(folder)), args.model)
        ) as pool,
        args.out.open("a") as file,
    ):
        for row in pool.imap_unordered(train, missing):
            rows.append(row | {"on": on})
            file.write(json.dumps(rows[-1]) + "\n")
            file.flush()
            print(f"{row['regime']} {row['number']}: {row['final']}", flush=True)
    summaries = [
        row
        for row in rows
        if row["on"] == on and (row["regime"], row["number"], row["config"]) in jobs
    ]
    print(table(sorted(summaries, key=lambda row: row["regime"])))
    return OK if len(summaries) == len(jobs) else INTERRUPTED


if __name__ == "__main__":
    raise SystemExit(main())
