"""What the report says about all searches together: which is best, and how certain that is."""

from collections.abc import Mapping

import pandas

from analysis import paper
from analysis.comparison import figures
from analysis.comparison.conditions import remarks
from analysis.comparison.floors import verdicts
from analysis.comparison.numbers import numbers
from analysis.comparison.pairwise import comparable_split, pairwise_table
from analysis.comparison.selection_bias import selection_bias
from analysis.comparison.settle import to_settle
from analysis.comparison.table import table
from analysis.evidence import Difference, Evidence
from analysis.page.blocks import Block, Drawing, Figures, Notes, Paragraph, Table
from analysis.read.folder import Search
from analysis.read.summary import Summary
from analysis.text import EMPTY_CELL


def blocks(searches: Mapping[str, Search], evidence: Evidence) -> list[Block]:
    """The comparison of searches by their labels, in the table's order."""
    summaries = {label: search.summary for label, search in searches.items()}
    rows = list(summaries.values())
    pairs = pairwise_table(summaries, comparable_split(rows), evidence)
    sentences = [*verdicts(rows), selection_bias(rows)]
    return [
        *_standings(summaries, evidence),
        *(Paragraph(sentence) for sentence in sentences if sentence),
        Table(
            "The searches and the floors, one per row. Accuracies in percent; losses on the test"
            " split.",
            table(rows, evidence),
        ),
        Notes(tuple(remarks(rows, evidence))),
        *_pairwise(pairs, comparable_split(rows)),
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


def _standings(summaries: Mapping[str, Summary], evidence: Evidence) -> list[Block]:
    """The best search in a sentence and a figure; empty if none was confirmed."""
    confirmed = {label: own for label, own in summaries.items() if own.confirmed_accuracy}
    if not confirmed:
        return []
    drawing = Drawing(
        "Standings",
        "Means over the reported runs with their 95 % intervals over seeds, clipped at 0 and 100 %."
        " For the test split, the thin line is the interval on new sentences. Trial 0 is a single"
        " run of the regime's default configuration, with any values set by --fix.",
        figures.standings(numbers(list(summaries.values()), evidence), list(summaries)),
    )
    ranking = _ranking(confirmed, evidence, single=len(summaries) == 1)
    return [Paragraph(ranking), Figures((drawing,))]


def _ranking(confirmed: Mapping[str, Summary], evidence: Evidence, *, single: bool) -> str:
    """The highest mean, the next one, and whether seeds explain the difference."""
    means = {label: evidence.mean(own, "validation") for label, own in confirmed.items()}
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
    pairs = pairwise_table(confirmed, "validation", evidence).set_index(["regime", "other"])
    different = bool(pairs.loc[(first, second), "different"])
    difference = evidence.difference(
        confirmed[first], confirmed[second], "validation", len(pairs) // 2
    )
    lead = f"{100 * difference.value:.1f} points above" if difference.value > 1e-9 else "equal to"
    settled = "" if different else f" {to_settle(difference, confirmed[first], confirmed[second])}"
    return (
        f"{best}, {lead} {second}, {means[second].percent}. The 95 % interval of the difference is"
        f" {_from_to(difference.value, difference.half_width)} points over seeds on these"
        f" sentences, and {_from_to(difference.value, difference.new_sentences)} on new ones."
        f" {_conclusion(difference, first, different=different, pairs=len(pairs) // 2)}{settled}"
    )


def _from_to(value: float, half_width: float) -> str:
    return f"{100 * (value - half_width):+.1f} to {100 * (value + half_width):+.1f}"


def _conclusion(difference: Difference, first: str, *, different: bool, pairs: int) -> str:
    """Whether the difference of the two highest means is larger than noise, and on what."""
    corrected = f"Corrected for the number of pairs, {pairs}: " if pairs > 1 else ""
    if not different:
        return f"{corrected}{'these' if corrected else 'These'} runs cannot tell which is better."
    if abs(difference.value) > difference.new_sentences:
        return f"{corrected}{first} is better on these sentences, and on new ones too."
    return f"{corrected}{first} is better on these sentences. On new sentences that is not shown."


def _pairwise(pairs: pandas.DataFrame, split: str) -> list[Block]:
    """The difference between each pair of winners; empty for fewer than two confirmed searches."""
    if pairs.empty:
        return []
    cells = [
        f"{100 * pair['difference']:+.1f} ± {100 * pair['half_width']:.1f}"
        f" ({100 * pair['half_width_new_sentences']:.1f}){' *' if pair['different'] else ''}"
        for pair in pairs.to_dict("records")
    ]
    order = list(dict.fromkeys(pairs["regime"]))
    matrix = pairs.assign(cell=cells).pivot(index="regime", columns="other", values="cell")
    matrix = matrix.loc[order, order].fillna(EMPTY_CELL).reset_index().rename_axis(columns=None)
    caption = (
        f"The row's mean {split} accuracy minus the column's, in percentage points, ± the 95 %"
        " interval over seeds on these sentences (in brackets: on new sentences). A star marks"
        " pairs that differ on these sentences after Holm's correction for the number of pairs:"
        " among equal recipes, at most one table in twenty has one."
    )
    return [Table(caption, matrix)]
