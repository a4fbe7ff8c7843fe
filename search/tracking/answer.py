"""What a search found, as short texts: tags of its run, which MLflow's table shows as columns."""

import math

from analysis import commands
from analysis.comparison.numbers import row
from analysis.evidence import Evidence
from analysis.mistakes.numbers import most_confused_in
from analysis.read.summary import Summary
from search.spec import SearchSpec

CONFIRMED, OVER_FLOOR = "regimen.confirmed", "regimen.over_floor"
ERRS_MOST, NEXT = "regimen.errs_most", "regimen.next"


def answer(spec: SearchSpec, summary: Summary) -> dict[str, str]:
    """The confirmed score and its distance to the best floor, in points with their intervals, where
    the winner errs and the next command: as far as they are known."""
    numbers = row(summary, Evidence.beside(spec.folder.parent, [summary]))
    step = commands.export if summary.confirmed_scores else commands.confirm
    found = {
        CONFIRMED: _points(numbers, "confirmed_score_mean", "confirmed_score_half_width", ""),
        OVER_FLOOR: _points(numbers, "over_floor", "over_floor_half_width", "+"),
        ERRS_MOST: most_confused_in(spec.folder),
        NEXT: step(vars(spec), commands.results_flag(spec.folder, vars(spec))),
    }
    return {name: text for name, text in found.items() if text}


def _points(numbers: dict[str, float], value: str, half_width: str, sign: str) -> str | None:
    """`95.8 ± 1.2`; None where the value is not known."""
    if math.isnan(numbers[value]):
        return None
    spread = numbers[half_width]
    around = "" if math.isnan(spread) else f" ± {100 * spread:.1f}"
    return f"{100 * numbers[value]:{sign}.1f}{around}"
