"""What the report says about all searches together: which is best, and how certain that is."""

from collections.abc import Mapping, Sequence

import pandas

from analysis import paper
from analysis.comparison import figures
from analysis.comparison.conditions import remarks
from analysis.comparison.floors import verdicts
from analysis.comparison.numbers import numbers
from analysis.comparison.pairwise import (
    PairwiseDifference,
    comparable_runs,
    pairwise_difference,
    pairwise_table,
)
from analysis.comparison.table import table
from analysis.intervals import mean_interval
from analysis.page.blocks import Block, Drawing, Figures, Notes, Paragraph, Table
from analysis.read.folder import Search
from analysis.read.summary import Summary
from analysis.text import EMPTY_CELL


def blocks(searches: Mapping[str, Search]) -> list[Block]:
    """The comparison of searches by their labels, in the table's order."""
    labels = list(searches)
    summaries = [search.summary for search in searches.values()]
    return [
        *_standings(summaries, labels),
        *(Paragraph(sentence) for sentence in verdicts(summaries)),
        Table(
            "The searches and the floors, one per row. Accuracies in percent; losses on the test"
            " split.",
            table(summaries),
        ),
        Notes(tuple(remarks(summaries))),
        *_pairwise(summaries, labels),
    ]


def paper_blocks(searches: Mapping[str, Search]) -> list[Block]:
    """How the paper is read; empty if none of the searches has one of its regimes."""
    footnotes = paper.footnotes(search.summary.regime for search in searches.values())
    if not footnotes:
        return []
    introduction = (
        f"{paper.CITATION} leaves some details open and states others twice, differently. Each"
        " point below gives what the paper says, then how it is read here."
    )
    return [Paragraph(introduction), Notes(tuple(map(str, footnotes)))]


def _standings(summaries: Sequence[Summary], labels: Sequence[str]) -> list[Block]:
    """The best search in a sentence and a figure; empty if none was confirmed."""
    confirmed = {
        label: summary.confirmed_accuracy
        for label, summary in zip(labels, summaries)
        if summary.confirmed_accuracy
    }
    if not confirmed:
        return []
    drawing = Drawing(
        "Standings",
        "Means over the reported runs with their 95 % intervals (Student's t; none for a single"
        " seed), clipped at 0 and 100 %. Where intervals overlap widely, more seeds are needed to"
        " tell the searches apart. Trial 0 is a single run of the regime's default configuration,"
        " with any values set by --fix.",
        figures.standings(numbers(summaries), labels),
    )
    return [Paragraph(_ranking(confirmed, single=len(labels) == 1)), Figures((drawing,))]


def _ranking(confirmed: Mapping[str, Sequence[float]], *, single: bool) -> str:
    """The highest mean, the next one, and whether seeds explain the difference."""
    means = {label: mean_interval(accuracies) for label, accuracies in confirmed.items()}
    first, *others = sorted(means, key=lambda label: -means[label].mean)
    best = f"Highest mean on validation: {first}, {means[first].percent}"
    if single:
        return (
            f"{best}. It is the only search here, so it is compared only with trial 0 and, where"
            " the data allow it, with the paper."
        )
    if not others:
        return f"{best}."
    second = others[0]
    difference = pairwise_difference(confirmed[first], confirmed[second])
    lead = f"{100 * difference.value:.1f} points above" if difference.value > 1e-9 else "equal to"
    return f"{best}, {lead} {second}, {means[second].percent}. {_significance(difference, first)}"


def _significance(difference: PairwiseDifference, first: str) -> str:
    """Whether the difference of the two highest means is larger than seed noise."""
    if difference.half_width is None:
        return "These runs show no spread over seeds, so they cannot tell which is better."
    low = 100 * (difference.value - difference.half_width)
    high = 100 * (difference.value + difference.half_width)
    interval = f"The 95 % interval of the difference over seeds is {low:+.1f} to {high:+.1f} points"
    if difference.significant:
        return f"{interval}: {first} is better on these sentences."
    return f"{interval}, so these runs cannot tell which is better."


def _pairwise(summaries: Sequence[Summary], labels: Sequence[str]) -> list[Block]:
    """The difference between each pair of winners; empty for fewer than two confirmed searches."""
    split, runs = comparable_runs(summaries)
    pairs = pairwise_table(dict(zip(labels, runs)))
    if pairs.empty:
        return []
    half_widths = [None if pandas.isna(half) else half for half in pairs["half_width"]]
    differences = map(PairwiseDifference, pairs["difference"], half_widths)
    cells = [f"{pair}{' *' if pair.significant else ''}" for pair in differences]
    matrix = pairs.assign(cell=cells).pivot(index="regime", columns="other", values="cell")
    order = [label for label in labels if label in matrix.index]
    matrix = matrix.loc[order, order].fillna(EMPTY_CELL).reset_index().rename_axis(columns=None)
    caption = (
        f"The row's mean {split} accuracy minus the column's, in percentage points, ± the 95 %"
        " interval over seeds (Welch's t; none where runs show no spread). A star marks intervals"
        " that exclude 0; among equal recipes, up to one pair in twenty gets one. All runs were"
        " evaluated on the same sentences, so the intervals do not cover how other sentences would"
        " turn out."
    )
    return [Table(caption, matrix)]
