"""python -m tests.benchmarks.replay: which stopping policy loses least, at which cost?

`record` trains searches without pruning and keeps every trial's curve. Without it, every policy is
replayed over the recordings: two trials side by side, in the recorded times. Random searches are
replayed in many orders, TPE's in its own; what TPE would have proposed after other results is not
modelled. A trial's score is its best validation accuracy; a second stage's epochs are cheap and not
counted.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import trainables
from analysis.command import Parser
from tests.benchmarks import program
from tests.benchmarks.replay import lab, recording, slices


def main(argv: Sequence[str] | None = None) -> int:
    """The program; returns its exit code."""
    args = parser().parse_args(argv)
    return program.run(lambda scratch: args.benchmark(args, scratch))


def parser() -> argparse.ArgumentParser:
    """The flags of both commands."""
    parser = Parser(prog="python -m tests.benchmarks.replay", description=__doc__)
    lab.add_flags(parser)
    parser.set_defaults(benchmark=lambda args, _: lab.Lab(args))
    commands = parser.add_subparsers()
    add_record(commands.add_parser("record", help="record searches; continues what was begun"))
    return parser


def add_record(command: argparse.ArgumentParser) -> None:
    """The flags of `record`."""

    def recorder(args: argparse.Namespace, scratch: Path) -> object:
        from tests.benchmarks.replay.recorder import Recorder

        return Recorder(args, scratch)

    command.set_defaults(benchmark=recorder)
    add = command.add_argument
    add("--data-root", type=Path, default=Path("."), metavar="DIR", help="holds the data folders")
    add(
        "--data",
        nargs="+",
        default=slices.DATA,
        metavar="NAME",
        help=f"folders there, or embedded (default: {' '.join(slices.DATA)})",
    )
    add("--regimes", nargs="+", choices=trainables.names(), default=["llrd_warmup", "supcon"])
    add("--samplers", nargs="+", choices=["random", "tpe"], default=["random", "tpe"])
    add("--trials", type=int, default=40, metavar="N", help="of each recording (default: 40)")
    add("--epochs", type=int, default=10, metavar="N", help="of a trial (default: 10)")
    add("--sentences", type=int, default=600, metavar="N", help="to train on (default: 600)")
    add("--seed", type=int, default=1, metavar="N", help="of sampler and trials (default: 1)")
    add("--model", default="minilm", metavar="SOURCE", help="as for search.run (default: minilm)")
    add("--precision", choices=["auto", "fp32", "bf16"], default="auto")
    add("--workers", type=int, default=1, metavar="N", help="processes side by side (default: 1)")
    add(
        "--out",
        type=Path,
        default=recording.FOLDER,
        metavar="DIR",
        help="where recordings are, and where they continue (default: tests/benchmarks/curves)",
    )


if __name__ == "__main__":
    raise SystemExit(main())
