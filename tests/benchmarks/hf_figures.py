"""What is told of a turn, and the table over all turns of all sides: arithmetic on what was
recorded."""

import statistics
from collections.abc import Mapping, Sequence

from analysis.intervals import mean_interval
from tests.benchmarks import report
from tests.benchmarks.process import Ran
from tests.benchmarks.report import spread
from tests.benchmarks.sides import REGIMEN
from tests.benchmarks.trials import Trials, paired


def figures(
    ran: Ran, found: Trials, tokens: int, flop: int, peaks: Mapping[str, float], precision: str
) -> dict[str, float]:
    """What is told of a turn.

    `tokens` and `flop` are those of one trial's whole training; times are in seconds, memory in
    bytes.
    """
    done = found.complete
    last = max(trial.ended for trial in done if trial.ended is not None)
    search = last - found.asked
    told = {
        "start_up": found.asked - ran.began,
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
    return told | (
        {
            "efficiency": work / max(peaks.values()),
            "efficiency_of_precision": work / peaks[precision],
        }
        if peaks
        else {}
    )


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
"""What a row is called, the figure that it shows, and the factor to its unit."""
RATIOS = (
    ("trials an hour", "trials_an_hour"),
    ("trials an hour, start-up and end included", "trials_an_hour_overall"),
    ("epochs a second of training", "epoch"),
    ("memory of a worker, PSS", "pss"),
)

Turns = Mapping[str, Mapping[int, dict[str, float]]]
"""Figures by side and repeat; a repeat in which a side failed is left out."""


def sides_table(turns: Turns, shares: Mapping[str, str]) -> str:
    """A column a side, a row a figure: the median over the repeats and their range."""
    rows = [
        ["", *turns],
        ["trials", *(shares[name] for name in turns)],
        ["turns", *(str(len(told)) for told in turns.values())],
    ]
    for title, key, factor in ROWS:
        rows.append(
            [
                title,
                *(
                    spread([factor * one[key] for one in told.values() if key in one])
                    for told in turns.values()
                ),
            ]
        )
    return report.table(rows)


def ratios(turns: Turns, other: str, key: str) -> list[float]:
    """Regimen's figure over another side's, for each repeat that both came through; of seconds the
    inverse, so that more is faster."""
    found = []
    for repeat, ours in turns.get(REGIMEN, {}).items():
        theirs = turns[other].get(repeat)
        if theirs is not None:
            ratio = ours[key] / theirs[key] if theirs[key] else float("nan")
            found.append(1 / ratio if key == "epoch" else ratio)
    return found


def ratios_table(turns: Turns) -> str:
    """Regimen against each other side; empty where there is nobody to compare."""
    others = [name for name in turns if name != REGIMEN]
    if REGIMEN not in turns or not others:
        return ""
    rows = [["regimen / other, of the same repeat", *others]]
    for title, key in RATIOS:
        rows.append([title, *(spread(ratios(turns, other, key)) for other in others)])
    return report.table(rows)


def accuracy_line(name: str, ours: Sequence[Trials], theirs: Sequence[Trials]) -> str:
    """Regimen's accuracy minus another side's: trials of one learning rate and one seed are a
    pair."""
    pairs = [
        difference
        for one, other in zip(ours, theirs)
        for difference in paired(one.complete, other.complete)
    ]
    if not pairs:
        return f"accuracy, regimen minus {name}: no pairs"
    found = mean_interval(pairs)
    if found.half_width is None:
        return (
            f"accuracy, regimen minus {name}: {100 * found.mean:+.2f} points (one pair: no"
            " interval)"
        )
    agree = "they agree within noise" if abs(found.mean) <= found.half_width else "THEY DIFFER"
    interval = f"{100 * found.mean:+.2f} ± {100 * found.half_width:.2f} points"
    return (
        f"accuracy, regimen minus {name}: {interval} (95 %, n={found.n} pairs of trials): {agree}"
    )
