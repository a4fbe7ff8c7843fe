"""What a finished command prints: the winner in a sentence, and the searches by their score."""

from collections.abc import Sequence
from typing import Any

import pandas
from rich.console import Console

from analysis.comparison import conditions, floors
from analysis.comparison import table as comparison
from analysis.comparison.numbers import row
from analysis.comparison.pairwise import comparable_split
from analysis.comparison.rows import label, ordered
from analysis.evidence import Evidence, reported
from analysis.metric import WORDS, Metric, percent_of, qualifier
from analysis.read.summary import Summary
from analysis.text import EMPTY_CELL
from search.terminal.console import print_line, print_table

PAPER_COLUMNS = ["trial 0 val", "loss (paper's definition)", *comparison.PAPER_COLUMNS]
"""Columns that only a reader of the paper needs."""


def print_outcome(
    console: Console, summaries: Sequence[Summary], evidence: Evidence, *, quiet: bool
) -> None:
    """Print the winner, the table and what its numbers rest on; if `quiet`, the table alone."""
    if not quiet:
        for sentence in [*floors.verdicts(summaries), *winner(summaries, evidence)]:
            print_line(console, "result", sentence, style="bold")
    print_table(console, leaderboard(summaries, evidence))
    if not quiet:
        conditions_of = (
            conditions.remarks(summaries, evidence)
            if is_papers(summaries)
            else conditions.essentials(summaries)
        )
        metric = summaries[0].metric
        for line in [SCORE_MEANS.format(score_column(metric), WORDS[metric]), *conditions_of]:
            print_line(console, "", line, style="dim", width=2)


SCORE_MEANS = (
    "{}: validation {} in percent by which winners are chosen, the mean over the search's seed and"
    " those of the choice runs; without these, the best of the search. A floor's is that of its"
    " only run."
)


def score_column(metric: Metric) -> str:
    """The column by which the table is sorted."""
    return "score" if metric == "accuracy" else WORDS[metric]


def leaderboard(summaries: Sequence[Summary], evidence: Evidence) -> pandas.DataFrame:
    """A row per search and floor, the highest score first, with the columns that are filled.

    The paper's columns are there where data and encoder are the paper's.
    """
    frame = comparison.table(summaries, evidence)
    rows, beneath = ordered(summaries), floors.floor_rows(ordered(summaries))
    scores = [summary.selection_score for summary in rows]
    scores += [floor["confirmed_score_mean"] for floor in beneath]
    shown = [f"{100 * score:.1f}" if score else EMPTY_CELL for score in scores]
    frame.insert(1, score_column(rows[0].metric), shown)
    # A floor's only run is its score; the column is about seeds that chose nothing.
    frame.loc[len(rows) :, "confirmed val"] = EMPTY_CELL
    unneeded = [] if is_papers(summaries) else PAPER_COLUMNS
    empty = [name for name in frame.columns[2:] if (frame[name] == EMPTY_CELL).all()]
    best_first = sorted(range(len(frame)), key=lambda place: -scores[place])
    frame = frame.drop(columns={*unneeded, *empty} & {*frame.columns})
    return frame.iloc[best_first]


def is_papers(summaries: Sequence[Summary]) -> bool:
    """Whether any search has the paper's data and encoder."""
    return any(summary.comparable and summary.encoder_is_papers for summary in summaries)


def winner(summaries: Sequence[Summary], evidence: Evidence) -> list[str]:
    """Which search won, by how much, and what is not certain; nothing where no trial completed."""
    ranked = sorted(
        (summary for summary in summaries if summary.best_trial is not None),
        key=lambda summary: -summary.selection_score,
    )
    if not ranked:
        return []
    best, *others = ranked
    numbers = row(best, evidence)
    parts = [
        _what(best, numbers, summaries),
        *_over_floor(best, numbers),
        *_over_runner_up(best, others, summaries, evidence),
    ]
    return [f"{'; '.join(parts)}."]


def _what(best: Summary, numbers: dict[str, Any], summaries: Sequence[Summary]) -> str:
    """The winner and its score on fresh seeds, or why there is none."""
    wins = "is the best search," if best.floor_wins else "wins"
    name = f"{label(best, summaries)} {wins} with trial {best.winner}"
    if not best.confirmed_scores:
        return (
            f"{name}: {percent_of(best.selection_score, best.metric)} on validation, a maximum over"
            f" {sum(best.states.values())} trials that no other seed has confirmed"
        )
    words = qualifier(best.metric)
    text = f"{name}: {_mean(numbers, 'confirmed_score')}{words} on validation"
    if best.test:
        text += f" and {_mean(numbers, 'test_score')} on test"
    count = len(best.confirmed_scores)
    return f"{text}, {count} fresh seed{'' if count == 1 else 's'}"


def _over_floor(best: Summary, numbers: dict[str, Any]) -> list[str]:
    floor = best.best_floor
    if floor is None or best.floor_wins:  # Then `floors.verdicts` says so.
        return []
    if not best.confirmed_scores:
        over = f"{100 * (best.selection_score - floor.validation_score(best.metric)):+.1f}"
    else:
        over = f"{100 * numbers['over_floor']:+.1f}{_spread(numbers['over_floor_half_width'])}"
    return [f"{over} points over the best floor, {floor.name}"]


def _over_runner_up(
    best: Summary, others: Sequence[Summary], summaries: Sequence[Summary], evidence: Evidence
) -> list[str]:
    """The difference to the next search on fresh seeds, and whether chance explains it."""
    if not others:
        return []
    second = others[0]
    name = f"the runner-up, {label(second, summaries)}"
    split = comparable_split([best, second])
    if not reported(best, split) or not reported(second, split):
        value = 100 * (best.selection_score - second.selection_score)
        return [f"{value:+.1f} points over {name}, on the seeds that chose"]
    difference = evidence.difference(best, second, split)
    certain = "" if difference.exceeds else ", which may be chance"
    return [f"{difference} points on {split} over {name}{certain}"]


def _mean(numbers: dict[str, Any], name: str) -> str:
    """`88.9 ± 0.5 %`."""
    return f"{100 * numbers[f'{name}_mean']:.1f}{_spread(numbers[f'{name}_half_width'])} %"


def _spread(half_width: float) -> str:
    """` ± 0.5`, in percentage points; empty where it is NaN."""
    return "" if half_width != half_width else f" ± {100 * half_width:.1f}"
