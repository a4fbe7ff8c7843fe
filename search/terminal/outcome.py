"""What a finished command prints: the winner in a sentence, and the searches by their score."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas
from rich.console import Console

from analysis.comparison import conditions, floors
from analysis.comparison import table as comparison
from analysis.comparison.numbers import row
from analysis.comparison.pairwise import (
    better_than,
    comparable_split,
    pair_of,
    pairwise_table,
)
from analysis.comparison.rows import best_first, label, ordered
from analysis.comparison.settle import MAX_SEEDS, needs, seeds_settle
from analysis.comparison.standing import standing
from analysis.evidence import Evidence, ScoredSplit
from analysis.metric import WORDS, Metric, percent_of, qualifier
from analysis.mistakes.numbers import most_confused_in
from analysis.read.summary import Summary
from analysis.text import EMPTY_CELL, counted
from search.terminal.console import print_line, print_table, table_width

PLAIN = "; baseline: plain fine-tuning"
FLOOR = "floor: a simple model, trained in seconds, that a regime has to beat"
OTHER_METRIC, N_AND_DF = "the other metric", "n and df"


LEAST_IMPORTANT = (
    "loss (paper's definition)",
    "loss",
    OTHER_METRIC,
    "best in search",
    N_AND_DF,
    "trial 0 val",
    "exceeds noise",
    "on new sentences",
    "difference to paper",
    "over floor",
    "paper test",
    "confirmed val",
)
"""Columns that a narrow terminal leaves out, in this order."""


def print_outcome(
    console: Console,
    summaries: Sequence[Summary],
    evidence: Evidence,
    results: Path | None = None,
    *,
    quiet: bool,
) -> None:
    """Print the table, what its numbers are, and the winner; if `quiet`, the table alone.

    `results`: the folder of the searches, which has the winner's errors.
    """
    frame = leaderboard(summaries, evidence)
    if console.is_terminal:
        frame = fitted(frame, console.width)
    print_table(console, frame)
    if quiet:
        return
    for line in _remarks(summaries):
        print_line(console, "", line, style="dim", width=2)
    for sentence in result(summaries, evidence):
        print_line(console, "result", sentence, style="bold")
    for sentence in errors(summaries, results):
        print_line(console, "", sentence)


def result(summaries: Sequence[Summary], evidence: Evidence) -> list[str]:
    """What these searches found, in sentences: floors that win, and the winner."""
    return [*floors.verdicts(summaries), *winner(summaries, evidence)]


def errors(summaries: Sequence[Summary], results: Path | None) -> list[str]:
    """Which labels the winner confuses most often; nothing where its predictions are not known."""
    ranked = best_first(summaries)
    if results is None or not ranked:
        return []
    confusion = most_confused_in(results / ranked[0].name)
    return [] if confusion is None else [f"Errs most: {confusion}."]


def _remarks(summaries: Sequence[Summary]) -> list[str]:
    """How to read the table, in short lines; the report has all conditions."""
    metric = summaries[0].metric
    confirmed = any(summary.confirmed_scores for summary in summaries)
    regimes = {summary.regime for summary in summaries}
    return [
        f"regime: a way to train{PLAIN if 'baseline' in regimes else ''}",
        *([FLOOR] if any(each.floors for each in summaries) else []),
        f"{score_column(metric)}: the validation {WORDS[metric]} used to select the winner, in"
        " percent; a floor's is from one run",
        *(["±: 95 % interval over n seeds, on these sentences"] if confirmed else []),
        *conditions.exceptions(summaries),
        "more: the report has the intervals on new sentences and the conditions",
    ]


def fitted(frame: pandas.DataFrame, width: int) -> pandas.DataFrame:
    """The table without its least important columns, as far as it is wider than `width`."""
    for name in LEAST_IMPORTANT:
        if table_width(frame) <= width:
            break
        if name == N_AND_DF:
            frame = frame.map(lambda cell: str(cell).partition(" (n=")[0])
        elif name == OTHER_METRIC:
            frame = frame.drop(columns={*WORDS.values()} & {*frame.columns[2:]})
        else:
            frame = frame.drop(columns={name} & {*frame.columns})
    return frame


def score_column(metric: Metric) -> str:
    """The column by which the table is sorted."""
    return "score" if metric == "accuracy" else WORDS[metric]


def leaderboard(summaries: Sequence[Summary], evidence: Evidence) -> pandas.DataFrame:
    """A row per search and floor, the highest score first, with the columns that are filled."""
    frame = comparison.table(summaries, evidence)
    rows, beneath = ordered(summaries), floors.floor_rows(ordered(summaries))
    scores = [summary.selection_score for summary in rows]
    scores += [floor["confirmed_score_mean"] for floor in beneath]
    shown = [f"{100 * score:.1f}" if score else EMPTY_CELL for score in scores]
    frame.insert(1, score_column(rows[0].metric), shown)
    # A floor's only run is its score; the column is about seeds that chose nothing.
    frame.loc[len(rows) :, "confirmed val"] = EMPTY_CELL
    empty = [name for name in frame.columns[2:] if (frame[name] == EMPTY_CELL).all()]
    best_first = sorted(range(len(frame)), key=lambda place: -scores[place])
    frame = frame.drop(columns=empty)
    return frame.iloc[best_first]


def winner(summaries: Sequence[Summary], evidence: Evidence) -> list[str]:
    """Which search won, by how much, and what is not certain; nothing where no trial completed."""
    ranked = best_first(summaries)
    if not ranked:
        return []
    best, *others = ranked
    numbers = row(best, evidence)
    labelled = {label(summary, summaries): summary for summary in ranked}
    split = comparable_split(ranked)
    pairs = pairwise_table(labelled, split, evidence)
    parts = [
        _winner_and_score(best, numbers, summaries, pairs, evidence),
        *_over_floor(best, evidence),
        *_over_runner_up(best, others, summaries, split, pairs),
        *_below_trial_0(best, evidence),
        *(
            f"on {split}, {name} is significantly better"
            for name in better_than(label(best, summaries), pairs)
        ),
    ]
    return [f"{'; '.join(parts)}."]


def _winner_and_score(
    best: Summary,
    numbers: dict[str, Any],
    summaries: Sequence[Summary],
    pairs: pandas.DataFrame,
    evidence: Evidence,
) -> str:
    """The winner and its score on fresh seeds, or why there is none."""
    own, rivals = label(best, summaries), len(best_first(summaries)) - 1
    trial = "trial 0, its defaults" if best.winner == 0 else f"trial {best.winner}"
    name = f"{own} {standing(own, best, rivals, pairs, evidence)} with {trial}"
    if not best.confirmed_scores:
        return (
            f"{name}: {percent_of(best.selection_score, best.metric)} on validation, a maximum over"
            f" {counted(best.trial_count, 'trial')}, not confirmed on fresh seeds"
        )
    words = qualifier(best.metric)
    text = f"{name}: {_mean(numbers, 'confirmed_score')}{words} on validation"
    if best.test:
        text += f" and {_mean(numbers, 'test_score')} on test"
    count = len(best.confirmed_scores)
    return f"{text}, {count} fresh seed{'' if count == 1 else 's'}"


def _over_floor(best: Summary, evidence: Evidence) -> list[str]:
    """The lead over the best floor, whether chance explains it, and what would settle that."""
    floor = best.best_floor
    if floor is None or best.floor_wins:  # Then `floors.verdicts` says so.
        return []
    split, lead = floors.to_floor(best, evidence)
    if lead is None:
        over = f"{100 * (best.selection_score - floor.validation_score(best.metric)):+.1f}"
        return [f"{over} points over {floor.name}, the best floor"]
    if (worse := floors.no_better(best, evidence)) is not None:
        return [worse]
    settled = needs(lead, split)
    chance = "which may be chance on new sentences" if lead.exceeds else "which may be chance"
    more = f", {chance}: {settled}" if settled else ""
    wider = f"{'' if lead.paired else 'up to '}± {100 * lead.new_sentences:.1f} on new sentences"
    return [f"{lead} points on {split} ({wider}) over {floor.name}, the best floor{more}"]


def _below_trial_0(best: Summary, evidence: Evidence) -> list[str]:
    """That the defaults are better, where chance does not explain it."""
    gain = evidence.to_trial_0(best)
    if gain is None or gain.value > 0 or not gain.exceeds:
        return []
    points = f"{-gain}".removeprefix("+")
    return [f"{points} points below its defaults, trial 0, on validation"]


def _over_runner_up(
    best: Summary,
    others: Sequence[Summary],
    summaries: Sequence[Summary],
    split: ScoredSplit,
    pairs: pandas.DataFrame,
) -> list[str]:
    """The difference to the next search on fresh seeds, and whether chance explains it."""
    if not others:
        return []
    second = label(others[0], summaries)
    name = f"the runner-up, {second}"
    pair = pair_of(label(best, summaries), second, pairs)
    if pair is None:
        value = 100 * (best.selection_score - others[0].selection_score)
        return [f"{value:+.1f} points over {name}, by the scores that select winners"]
    points = f"{100 * pair['difference']:+.1f} ± {100 * pair['half_width']:.1f} points"
    if pair["different"]:
        return [f"{points} on {split} over {name}"]
    return [f"{points} on {split} over {name}, which may be chance{_seeds(pair['seeds_needed'])}"]


def _seeds(seeds: float | None) -> str:
    """How many report seeds would settle a difference, in a few words."""
    if seeds_settle(seeds):
        return f": about {seeds:.0f} report seeds each would settle it"
    return f": up to {MAX_SEEDS} report seeds each would not settle it"


def _mean(numbers: dict[str, Any], name: str) -> str:
    """`88.9 ± 0.5 %`."""
    return f"{100 * numbers[f'{name}_mean']:.1f}{_plus_minus(numbers[f'{name}_half_width'])} %"


def _plus_minus(half_width: float) -> str:
    """` ± 0.5`, in percentage points; empty where it is NaN."""
    return "" if half_width != half_width else f" ± {100 * half_width:.1f}"
