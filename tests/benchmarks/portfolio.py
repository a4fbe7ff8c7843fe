"""A portfolio of configurations to begin a search with, chosen greedily from random recordings.

Random recordings of a regime have the same configurations on every data set. The first chosen is
the one with the highest mean accuracy over the data sets; each further one adds most to the mean of
the best so far (https://arxiv.org/abs/2007.04074). How well that works is measured on a data set
that is left out: there, the portfolio of the other data sets is compared with today's points, with
as many random configurations, and with the best of all.
"""

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas

import trainables
from analysis.command import Parser
from analysis.page.markdown import markdown
from tests.benchmarks import program
from tests.benchmarks.replay import recording
from tests.benchmarks.replay.recording import Recording

MIN_DATA = 2
"""Data sets of a regime; with fewer none can be left out."""


class Portfolio:
    """The portfolios of all recorded regimes."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.size = args.size
        recordings = [
            each for each in recording.read(args.folder) if each.conditions.sampler == "random"
        ]
        regimes = sorted({each.conditions.regime for each in recordings})
        self.recordings = {
            regime: [each for each in recordings if each.conditions.regime == regime]
            for regime in regimes
        }
        if not any(len(each) >= MIN_DATA for each in self.recordings.values()):
            raise ValueError(
                f"'{args.folder}' has random recordings of no regime on {MIN_DATA} data sets;"
                " record some with python -m tests.benchmarks.replay record"
            )

    def run(self) -> None:
        """Nothing takes long."""

    def report(self) -> bool:
        """Print each regime's portfolio, and how it does on a data set left out."""
        for regime, recordings in self.recordings.items():
            scores = common_scores(recordings)
            print(f"\n## {regime}: {len(scores)} configurations on {scores.shape[1]} data sets\n")
            if scores.shape[1] < MIN_DATA or len(scores) < self.size:
                continue
            points = recordings[0].conditions.points
            print(left_out(scores, self.size, points))
            for config in greedy(scores, self.size):
                (values,) = scores.loc[[config]].to_numpy()
                accuracies = ", ".join(f"{100 * value:.1f}" for value in values)
                print(f"\n{accuracies} %: {json.dumps(changed(regime, json.loads(config)))}")
        return True


def common_scores(recordings: Sequence[Recording]) -> pandas.DataFrame:
    """Scores by configuration (as JSON, in the order of the trials) and data set.

    Failed trials score 0. Configurations that some data set lacks are left out.
    """
    columns = {
        recording.conditions.data: pandas.Series(
            {json.dumps(row.config, sort_keys=True): row.score or 0.0 for row in recording.rows}
        )
        for recording in recordings
    }
    first = next(iter(columns.values()))
    return pandas.DataFrame(columns).reindex(first.index).dropna()


def greedy(scores: pandas.DataFrame, size: int) -> list[str]:
    """The portfolio: configurations in the order in which they are to be tried."""
    chosen = list[str]()
    for _ in range(size):
        best = scores.loc[chosen].max().fillna(0.0)
        means = scores.clip(lower=best, axis="columns").mean(axis="columns").drop(chosen)
        chosen.append(str(means.idxmax()))
    return chosen


def left_out(scores: pandas.DataFrame, size: int, points: int) -> str:
    """A row for each data set: the best accuracy there of what the others chose, in percent."""
    rows = []
    for data in scores.columns:
        here = scores[data]
        portfolio = greedy(scores.drop(columns=data), size)
        rows.append(
            {
                "left out": data,
                f"portfolio of {size}": here[portfolio].max(),
                f"today's {points} points": here.iloc[:points].max(),
                f"{size} random": expected_best(here.tolist(), size),
                f"best of {len(here)}": here.max(),
            }
        )
    table = pandas.DataFrame(rows)
    for column in table.columns[1:]:
        table[column] = [f"{100 * value:.1f}" for value in table[column]]
    return markdown(table)


def expected_best(values: Sequence[float], size: int) -> float:
    """The mean of the highest of `size` values that are drawn without replacement."""
    ways = math.comb(len(values), size)
    return sum(
        value * math.comb(place, size - 1) / ways for place, value in enumerate(sorted(values))
    )


def changed(regime: str, config: dict[str, Any]) -> dict[str, Any]:
    """The fields of a configuration that differ from the regime's defaults."""
    defaults = trainables.load(regime).Config().to_dict()
    return {name: value for name, value in config.items() if value != defaults.get(name)}


def main(argv: Sequence[str] | None = None) -> int:
    """The program; returns its exit code."""
    parser = Parser(prog="python -m tests.benchmarks.portfolio", description=__doc__)
    parser.add_argument(
        "--folder",
        type=Path,
        default=recording.FOLDER,
        metavar="DIR",
        help="the recordings (default: tests/benchmarks/curves)",
    )
    parser.add_argument(
        "--size", type=int, default=5, metavar="N", help="configurations to choose (default: 5)"
    )
    args = parser.parse_args(argv)
    return program.run(lambda _: Portfolio(args))


if __name__ == "__main__":
    raise SystemExit(main())
