"""How many epochs does a recipe need?

Trains random configurations of a regime with several budgets of epochs, each with its own schedule,
and several seeds. Prints each configuration's mean validation accuracy by budget, and by how much a
shorter budget differs from the longest. Every run is a line of --out as soon as it ends; run again,
the program goes on where it stopped.
"""

import argparse
from collections.abc import Iterator, Sequence

import numpy as np

import trainables
from analysis.command import Parser
from analysis.intervals import mean_interval
from tests.benchmarks import command_line
from tests.benchmarks.random_configurations import configurations
from tests.benchmarks.runs import Run


def wanted(args: argparse.Namespace) -> Iterator[Run]:
    """Each configuration, seed and budget: the shortest budgets first."""
    for epochs in sorted(set(args.budgets)):
        for number, config in enumerate(configurations(args.regime, args.configurations, 0)):
            for seed in range(args.seeds):
                yield {
                    "model": args.model,
                    "data": args.data,
                    "sentences": args.sentences,
                    "regime": args.regime,
                    "number": number,
                    "epochs": epochs,
                    "seed": seed,
                    "config": config,
                }


def table(ended: Sequence[Run]) -> str:
    """A row a budget: each configuration's mean over its seeds, and by how much the better half of
    the configurations differ from the longest budget, with an interval over them.

    The better half by the mean over all budgets, so that none is favoured.
    """
    budgets = sorted({run["epochs"] for run in ended})
    numbers = sorted({run["number"] for run in ended})
    scores = np.array([[_mean(ended, epochs, number) for number in numbers] for epochs in budgets])
    better = np.argsort(-scores.mean(axis=0))[: (len(numbers) + 1) // 2]
    heads = [
        "epochs",
        *(f"configuration {number}" for number in numbers),
        f"better half minus {budgets[-1]} epochs (95 %, n={len(better)})",
        "seconds a run",
    ]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for epochs, row in zip(budgets, scores):
        difference = mean_interval(list(row[better] - scores[-1, better]))
        half = difference.half_width
        spread = "" if half is None else f" \N{PLUS-MINUS SIGN} {half:.1f}"
        seconds = np.mean([run["seconds"] for run in ended if run["epochs"] == epochs])
        cells = [
            str(epochs),
            *(f"{score:.1f}" for score in row),
            f"{difference.mean:+.1f}{spread}",
            f"{seconds:.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _mean(ended: Sequence[Run], epochs: int, number: int) -> float:
    """A configuration's validation accuracy in percent, over its seeds."""
    return float(
        np.mean(
            [
                100 * run["accuracy"]
                for run in ended
                if (run["epochs"], run["number"]) == (epochs, number)
            ]
        )
    )


def main(argv: Sequence[str] | None = None) -> int:
    """The program; returns its exit code."""
    p = Parser(prog="python -m tests.benchmarks.budgets", description=__doc__)
    p.add_argument(
        "--regime", default="supcon", choices=trainables.names(), help="(default: supcon)"
    )
    p.add_argument("--model", default="minilm", metavar="SOURCE", help="(default: minilm)")
    p.add_argument(
        "--budgets",
        type=int,
        nargs="+",
        default=[3, 5, 10],
        metavar="EPOCHS",
        help="(default: 3 5 10)",
    )
    p.add_argument("--seeds", type=int, default=2, metavar="N", help="of each (default: 2)")
    command_line.add_flags(p, configurations=6)
    args = p.parse_args(argv)
    return command_line.run(args, 0, [args.model], wanted(args), table)


if __name__ == "__main__":
    raise SystemExit(main())
