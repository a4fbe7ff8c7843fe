"""The laboratory: every policy on every recording, in many orders, and tables of what it cost."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas

from tests.benchmarks.replay import recording
from tests.benchmarks.replay.figures import Outcome, chosen_without, judge, table
from tests.benchmarks.replay.policies import POLICIES
from tests.benchmarks.replay.recording import Recording, Row

MIN_ROWS = 10
"""A shorter recording is left out."""


class Lab:
    """Replays all policies. What it has of them is printed also after ^C."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.shuffles = args.shuffles
        self.recordings = [
            recorded for recorded in recording.read(args.folder) if len(recorded.rows) >= MIN_ROWS
        ]
        if not self.recordings:
            raise ValueError(
                f"'{args.folder}' has no recording of {MIN_ROWS} or more trials; record some with"
                " python -m tests.benchmarks.replay record"
            )
        self.outcomes: list[Outcome] = []

    def run(self) -> None:
        """Replay."""
        for recorded in self.recordings:
            for number, rows in enumerate(orders(recorded, self.shuffles)):
                for name, policy in POLICIES.items():
                    replayed = policy(rows, recorded.conditions)
                    self.outcomes.append(judge(recorded.conditions, name, number, rows, replayed))

    def report(self) -> bool:
        """Print the tables; returns whether everything was replayed."""
        for recorded in self.recordings:
            print(f"{recorded.conditions.name}: {len(recorded.rows)} trials")
        frame = pandas.DataFrame(self.outcomes)
        for sampler, own in frame.groupby("sampler"):
            print(f"\n## {sampler}\n\n{table(own)}")
            for regime, part in own.groupby("regime"):
                print(f"\n## {sampler}, {regime}\n\n{table(part)}")
            if own["data"].nunique() > 1:
                print(f"\n## {sampler}: chosen on the other data sets\n\n{chosen_without(own)}")
        return True


def orders(recorded: Recording, shuffles: int) -> Iterator[Sequence[Row]]:
    """The orders in which a recording is replayed.

    TPE's own, or random ones: there the first trials, which are the same in every search, keep
    their places.
    """
    if recorded.conditions.sampler != "random":
        yield recorded.rows
        return
    first = [row for row in recorded.rows if row.number < recorded.conditions.points]
    others = [row for row in recorded.rows if row.number >= recorded.conditions.points]
    random = np.random.default_rng(0)
    for _ in range(shuffles):
        yield [*first, *(others[place] for place in random.permutation(len(others)))]


def add_flags(command: argparse.ArgumentParser) -> None:
    """The flags of a replay."""
    command.add_argument(
        "--folder",
        type=Path,
        default=recording.FOLDER,
        metavar="DIR",
        help="the recordings (default: tests/benchmarks/curves)",
    )
    command.add_argument(
        "--shuffles",
        type=int,
        default=30,
        metavar="N",
        help="orders in which the random recordings are replayed (default: 30)",
    )
