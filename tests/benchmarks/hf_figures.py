"""The measurements of a turn, and the table of all turns of all sides."""

import statistics
from collections.abc import Mapping, Sequence

from analysis.intervals import mean_interval
from tests.benchmarks import report
from tests.benchmarks.process import Ran
from tests.benchmarks.report import spread
from tests.benchmarks.sides import REGIMEN
from tests.benchmarks.trials import Trials, paired


def figures(
    ran: Ran, trials: Trials, tokens: int, flop: int, peaks: Mapping[str, float], precision: str
) -> dict[str, float]:
    """The measurements of a turn: times in seconds, memory in bytes.

    `tokens` and `flop` are those of the whole training of one trial.
    """
    done = trials.complete
    last = max(trial.ended for trial in done if trial.ended is not None)
    search = last - trials.asked
    measured = {
        "start_up": trials.asked - ran.began,
        "search": search,
        "closing": ran.ended - last,
        "trials_an_hour": 3600 * len(done) / search,
        "trials_an_hour_overall": 3600 * len(done) / (ran.ended - ran.began),
        "epoch": statistics.mean(seconds for trial in done for seconds in trial.seconds),
        "pss": ran.pss,
        "rss": ran.rss,
        "accuracy": statistics.mean(trial.accuracies[-1] for trial in done),
        "tokens_a_second": tokens * len(done) / search,
    }
    work = flop * len(done) / search  # FLOP a second
    if peaks:
        measured["efficiency"] = work / max(peaks.values())
        measured["efficiency_of_precision"] = work / peaks[precision]
    return measured


ROWS = (
    ("start-up of the process, s", "start_up", 1),
    ("search, s", "search", 1),
    ("after the last trial, s", "closing", 1),
    ("trials an hour", "trials_an_hour", 1),
    ("trials an hour, start-up and end included", "trials_an_hour_overall", 1),
    ("epoch with validation, s (mean of a turn)", "epoch", 1),
    ("memory of a worker at its peak, PSS, MB", "pss", 1e-6),
    ("memory of a worker at its peak, RSS, MB", "rss", 1e-6),
    ("validation accuracy, % (mean of a turn)", "accuracy", 100),
    ("real tokens a second", "tokens_a_second", 1),
    ("efficiency, % of the machine's peak", "efficiency", 100),
    ("efficiency, % of its own precision's peak", "efficiency_of_precision", 100),
)
"""The title of a row, its measurement, and the factor to its unit."""
RATIOS = (
    ("trials an hour", "trials_an_hour"),
    ("trials an hour, start-up and end included", "trials_an_hour_overall"),
    ("epochs a second of training", "epoch"),
    ("memory of a worker, PSS", "pss"),
)

Turns = Mapping[str, Mapping[int, dict[str, float]]]
"""Figures by side and repeat; a repeat in which a side failed is left out."""


def sides_table(turns: Turns, concurrency: Mapping[str, str]) -> str:
    """A column per side, a row per measurement: the median over the repeats and their range."""
    rows = [
        ["", *turns],
        ["trials", *(concurrency[name] for name in turns)],
        ["turns", *(str(len(repeats)) for repeats in turns.values())],
    ]
    for title, key, factor in ROWS:
        columns = (
            [factor * turn[key] for turn in repeats.values() if key in turn]
            for repeats in turns.values()
        )
        rows.append([title, *map(spread, columns)])
    return report.table(rows)


def ratios(turns: Turns, other: str, key: str) -> list[float]:
    """Regimen's measurement divided by another side's, for each repeat that both completed.

    Of seconds the inverse, so that more is faster.
    """
    values = []
    for repeat, ours in turns.get(REGIMEN, {}).items():
        theirs = turns[other].get(repeat)
        if theirs is not None:
            ratio = ours[key] / theirs[key] if theirs[key] else float("nan")
            values.append(1 / ratio if key == "epoch" else ratio)
    return values


def ratios_table(turns: Turns) -> str:
    """Regimen against each other side; empty if there is none."""
    others = [name for name in turns if name != REGIMEN]
    if REGIMEN not in turns or not others:
        return ""
    rows = [["regimen / other, of the same repeat", *others]]
    for title, key in RATIOS:
        rows.append([title, *(spread(ratios(turns, other, key)) for other in others)])
    return report.table(rows)


def accuracy_line(name: str, ours: Sequence[Trials], theirs: Sequence[Trials]) -> str:
    """Regimen's accuracy minus another side's, over pairs with the same learning rate and seed."""
    pairs = [
        pair for our, their in zip(ours, theirs) for pair in paired(our.complete, their.complete)
    ]
    title = f"accuracy, regimen minus {name}"
    if not pairs:
        return f"{title}: no pairs"
    difference = mean_interval(pairs)
    mean, half_width = difference.mean, difference.half_width
    if half_width is None:
        return f"{title}: {100 * mean:+.2f} points (one pair: no interval)"
    interval = f"{100 * mean:+.2f} ± {100 * half_width:.2f} points"
    agree = "they agree within noise" if abs(mean) <= half_width else "THEY DIFFER"
    return f"{title}: {interval} (95 %, n={difference.n} pairs of trials): {agree}"
