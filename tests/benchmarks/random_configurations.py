"""How much of each search space learns at all: random configurations, trained at the full budget on
a small real data set.

A configuration has learned where its accuracy on validation is above the untrained encoder's by at
least a quarter of what that lacks. The untrained encoder is judged as the regime itself judges: by
a ridge classifier in the contrastive regimes, by a random classifier elsewhere. Two-stage trials
also tell what their classifier lost of what its judge saw. Every configuration is a line of --out
as soon as it is trained; run again, the program goes on where it stopped.
"""

import argparse
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
from tests.benchmarks import command_line, corpus, runs
from tests.benchmarks.runs import Run
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


def train(run: Run) -> Run:
    """A run with its scores: `judge` is the best of the first stage, `final` of the last."""
    regime, config = run["regime"], run["config"]
    row = run | {"floor": floor(regime, config), "judge": None, "final": None, "failed": None}
    module = trainables.load(regime)
    try:
        encoder = _prepared.small.build(resolve_precision("auto", gpu=False))
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
        "--model", default="minilm", metavar="SOURCE", help="as search.run has it (default: minilm)"
    )
    p.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of the random draw (default: 0)"
    )
    command_line.add_flags(p, configurations=10)
    args = p.parse_args(argv)
    on = f"{args.data}, {args.sentences or 'all'} sentences, {args.model}"
    wanted = [
        {"on": on, "regime": regime, "number": number, "config": config}
        for regime in args.regimes
        for number, config in enumerate(configurations(regime, args.configurations, args.seed))
    ]
    try:
        with tempfile.TemporaryDirectory() as folder:
            ended = runs.complete(
                sorted(wanted, key=lambda run: run["number"]),
                args.out,
                train,
                processes=args.processes,
                begin=_begin,
                arguments=(_some(args, Path(folder)), args.model),
            )
    except ValueError as error:
        print(refusal(error), file=sys.stderr)
        return USER_ERROR
    print(table(sorted(ended, key=lambda run: run["regime"])))
    return OK if len(ended) == len(wanted) else INTERRUPTED


if __name__ == "__main__":
    raise SystemExit(main())
