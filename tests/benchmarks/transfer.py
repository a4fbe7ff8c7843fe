"""How well does a small encoder tell which configuration is best for a larger one?

Trains the same random configurations of a regime on both, carried over as `search.train --model`
carries a recipe. Prints Spearman's rank correlations, and what the larger encoder loses by the
configuration that the small one prefers. Every run is a line of --out as soon as it ends; run
again, the program goes on where it stopped.
"""

import argparse
import math
from collections.abc import Iterator, Sequence

import numpy as np
from scipy import stats

import trainables
from analysis.command import Parser
from search.final.transfer import layers, rescaled
from tests.benchmarks import command_line
from tests.benchmarks.random_configurations import configurations
from tests.benchmarks.runs import Run


def wanted(args: argparse.Namespace) -> Iterator[Run]:
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
                "seed": args.seed,
                "config": config | rescaled(config, old, encoder_layers),
            }


def correlation(first: Sequence[float], second: Sequence[float]) -> tuple[float, float, float]:
    """Spearman's rank correlation and its 95 % interval, by Fisher's transformation with the
    standard error of Fieller et al. 1957, 1.03 / sqrt(n - 3)."""
    rho = float(stats.spearmanr(first, second).statistic)
    if abs(rho) >= 1:
        return rho, rho, rho
    half = 1.96 * 1.03 / math.sqrt(len(first) - 3)
    return rho, math.tanh(math.atanh(rho) - half), math.tanh(math.atanh(rho) + half)


def table(small: Sequence[Run], large: Sequence[Run]) -> str:
    """What the small encoder's scores after an epoch and at the end tell about the large one's
    end, and what the large one's own first epoch tells."""
    end = [run["accuracy"] for run in large]
    lines = [
        f"| ranked by | correlation with the large encoder's end (95 %, n={len(end)})"
        " | lost by the first of them, points |",
        "|---|---|---|",
    ]
    for name, scores in (
        ("small encoder, first epoch", [run["accuracies"][0] for run in small]),
        ("small encoder, end", [run["accuracy"] for run in small]),
        ("large encoder, first epoch", [run["accuracies"][0] for run in large]),
    ):
        rho, low, high = correlation(scores, end)
        lost = max(end) - end[int(np.argmax(scores))]
        lines.append(f"| {name} | {rho:.2f} ({low:.2f} to {high:.2f}) | {100 * lost:.1f} |")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """The program; returns its exit code."""
    p = Parser(prog="python -m tests.benchmarks.transfer", description=__doc__)
    p.add_argument("--large", required=True, metavar="SOURCE", help="as search.run has --model")
    p.add_argument("--small", default="minilm", metavar="SOURCE", help="(default: minilm)")
    p.add_argument(
        "--regime", default="llrd_warmup", choices=trainables.names(), help="(default: llrd_warmup)"
    )
    p.add_argument("--epochs", type=int, default=5, metavar="N", help="of each run (default: 5)")
    p.add_argument("--seed", type=int, default=0, metavar="N", help="of the draws (default: 0)")
    command_line.add_flags(p, configurations=8, sentences=400)
    args = p.parse_args(argv)
    if args.configurations < 4:
        p.error(f"--configurations must be at least 4, for an interval; got {args.configurations}")

    def both(ended: list[Run]) -> str:
        return table(ended[: args.configurations], ended[args.configurations :])

    return command_line.run(args, args.seed, (args.small, args.large), wanted(args), both)


if __name__ == "__main__":
    raise SystemExit(main())
