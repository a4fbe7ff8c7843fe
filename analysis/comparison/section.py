"""What the report says about all searches together: which is best, and how certain that is."""

from collections.abc import Mapping
from typing import Any

import pandas

from analysis import paper
from analysis.comparison import figures
from analysis.comparison.conditions import SCORES, remarks
from analysis.comparison.differences import differences
from analysis.comparison.floors import verdicts
from analysis.comparison.leaks import without_leaks
from analysis.comparison.numbers import records, row
from analysis.comparison.pairwise import comparable_split, pair_of, pairwise_table
from analysis.comparison.rows import best_first, is_papers
from analysis.comparison.selection_bias import selection_bias
from analysis.comparison.settle import (
    IN_MOST_CASES,
    MAX_SEEDS,
    at_least_text,
    more_seeds,
    seeds_settle,
    to_settle,
)
from analysis.comparison.table import table
from analysis.evidence import Evidence, ScoredSplit, reported
from analysis.metric import WORDS, Metric, prefix
from analysis.page.blocks import Block, Details, Drawing, Figures, Notes, Paragraph, Table
from analysis.page.forest import forest
from analysis.read.folder import Search
from analysis.read.summary import Summary
from analysis.shell_lines import cluster_flags, results_flag
from analysis.text import EMPTY_CELL, counted


def blocks(searches: Mapping[str, Search], evidence: Evidence) -> list[Block]:
    """The comparison of searches by their labels, in the table's order."""
    summaries = {label: search.summary for label, search in searches.items()}
    rows = list(summaries.values())
    metric: Metric = rows[0].metric if rows else "accuracy"
    split = comparable_split(rows)
    pairs = pairwise_table(summaries, split, evidence)
    results = next(map(_where, searches.values()), "")
    sentences = [
        *_other_metrics(searches),
        *_ranking_if_confirmed(summaries, evidence, results),
        *verdicts(rows),
        selection_bias(rows),
    ]
    drawings = [*_differences(summaries, evidence), *_standings(summaries, evidence)]
    shown = table(rows, evidence)
    filled = [name for name in shown if (shown[name] != EMPTY_CELL).any()]
    # The searches in the order of their ranking, then the floors.
    ranking = sorted(range(len(rows)), key=lambda place: -rows[place].selection_score)
    shown = shown.iloc[[*ranking, *range(len(rows), len(shown))]]
    return [
        *(Paragraph(sentence) for sentence in sentences if sentence),
        *([Figures(tuple(drawings))] if drawings else []),
        Table(
            f"The searches and the floors, one per row. {SCORES[metric]} in percent; losses on the"
            " test split.",
            shown[filled],
        ),
        Details(
            "What these numbers rest on", "", (Notes(tuple(remarks(rows, evidence, results))),)
        ),
        *_pairwise("All pairs", pairs, f"{split} {WORDS[metric]}"),
        *_unsettled(pairs, split, searches),
        *_without_leaks(searches, evidence),
    ]


def _other_metrics(searches: Mapping[str, Search]) -> list[str]:
    """Which searches chose by another metric than the one that all are compared by."""
    chose = [
        label
        for label, search in searches.items()
        if search.spec.get("metric", "accuracy") != search.summary.metric
    ]
    if not chose:
        return []
    return [
        f"All searches are compared by accuracy here. {', '.join(chose)} chose by macro-F1, which"
        " is the metric of their own reports."
    ]


def paper_blocks(searches: Mapping[str, Search]) -> list[Block]:
    """How the paper is read; empty if no search has one of its regimes, or its data and encoder."""
    if not is_papers([search.summary for search in searches.values()]):
        return []
    footnotes = paper.footnotes(search.summary.regime for search in searches.values())
    if not footnotes:
        return []
    introduction = (
        f"{paper.CITATION} leaves some details open and states others twice, differently. Each"
        " point below gives what the paper says, then how it is read here."
    )
    return [Paragraph(introduction), Notes(tuple(map(str, footnotes)))]


def _ranking_if_confirmed(
    summaries: Mapping[str, Summary], evidence: Evidence, results: str
) -> list[str]:
    """The best search in a sentence; empty if none was confirmed."""
    confirmed = {label: own for label, own in summaries.items() if own.confirmed_scores}
    if not confirmed:
        return []
    return [_ranking(confirmed, evidence, results, single=len(summaries) == 1)]


def _differences(summaries: Mapping[str, Summary], evidence: Evidence) -> list[Drawing]:
    """Which searches differ from the winner; empty without rivals or report runs."""
    best = next(iter(best_first(list(summaries.values()))), None)
    if best is None:
        return []
    winner = next(label for label, own in summaries.items() if own is best)
    split, rows = differences(summaries, winner, evidence)
    metric = best.metric
    if rows.empty:
        return []
    return [
        Drawing(
            "Which searches differ significantly?",
            f"Mean {split} {WORDS[metric]} minus that of {winner}, the winner. The thick line is"
            " the 95 % interval of the difference over seeds on these sentences, the thin one on"
            " new sentences. It says more than whether the intervals of two means overlap."
            " Significance is after Holm's correction for the number of pairs; a floor differs"
            " significantly if both intervals exclude zero.",
            forest(rows, winner, WORDS[metric]),
            wide=True,
            data=rows,
        )
    ]


def _standings(summaries: Mapping[str, Summary], evidence: Evidence) -> list[Drawing]:
    """All runs and their means, the best on top; empty if no search was confirmed."""
    confirmed = {label: own for label, own in summaries.items() if own.confirmed_scores}
    if not confirmed:
        return []
    order = sorted(confirmed, key=lambda label: -confirmed[label].selection_score)
    frame = pandas.DataFrame([row(confirmed[label], evidence) for label in order])
    metric = confirmed[order[0]].metric
    seeds = [
        (reported(confirmed[label], "validation"), reported(confirmed[label], "test"))
        for label in order
    ]
    return [
        Drawing(
            "Standings",
            "A dot is a report run, the upright mark the mean of the runs. The thick line is the"
            " mean's 95 % interval over seeds, the thin one on new sentences. Trial 0 is a single"
            " run of the regime's default configuration, with any values set by --fix. Scores far"
            " below the others are written at the edge.",
            figures.standings(frame, order, seeds, WORDS[metric]),
            wide=True,
            data=records(frame, metric),
        )
    ]


def _ranking(
    confirmed: Mapping[str, Summary], evidence: Evidence, results: str, *, single: bool
) -> str:
    """The winner, the next one, and whether seeds explain the difference."""
    split = comparable_split(list(confirmed.values()))
    means = {label: evidence.mean(own, split) for label, own in confirmed.items()}
    first, *others = sorted(means, key=lambda label: -confirmed[label].selection_score)
    words = prefix(confirmed[first].metric)
    best = f"Chosen on validation: {first}. On {split} it has {words}{means[first].percent}"
    if single:
        return (
            f"{best}. It is the only search here, so it is compared only with its floors, trial 0"
            " and, if the data allow it, the paper."
        )
    if not others:
        return f"{best}."
    second = others[0]
    pairs = pairwise_table(confirmed, split, evidence)
    pair, count = pair_of(first, second, pairs), len(pairs) // 2
    assert pair is not None
    different, on_new = bool(pair["different"]), bool(pair["different_on_new_sentences"])
    difference = evidence.difference(confirmed[first], confirmed[second], split, count)
    better = first if difference.value > 0 else second
    above = "above" if difference.value > 0 else "below"
    lead = "equal to"
    if abs(difference.value) > 1e-9:
        lead = f"{100 * abs(difference.value):.1f} points {above}"
    settled = ""
    if not different:
        both = (confirmed[first], confirmed[second])
        settled = f" {to_settle(difference, split, *both, results)}"
    return (
        f"{best}, {lead} {second}, {means[second].percent}. The 95 % interval of the difference is"
        f" {_from_to(difference.value, difference.half_width)} points over seeds on these"
        f" sentences, and {_from_to(difference.value, difference.new_sentences)} on new ones."
        f" {_conclusion(better, different=different, on_new=on_new, pairs=count)}{settled}"
    )


def _where(search: Search) -> str:
    """The flags that a command that resumes a search needs."""
    return results_flag(search.folder, search.spec) + cluster_flags(search.spec)


def _from_to(value: float, half_width: float) -> str:
    return f"{100 * (value - half_width):+.1f} to {100 * (value + half_width):+.1f}"


def _conclusion(better: str, *, different: bool, on_new: bool, pairs: int) -> str:
    """Whether the difference of the two highest means is larger than noise, and on what."""
    corrected = f"Corrected for the number of pairs, {pairs}: " if pairs > 1 else ""
    if not different:
        these = "these" if corrected else "These"
        return f"{corrected}{these} runs cannot show which one is better."
    if on_new:
        return f"{corrected}{better} is better on these sentences, and on new ones too."
    return f"{corrected}{better} is better on these sentences. On new sentences this is not shown."


def _pairwise(title: str, pairs: pandas.DataFrame, scores: str) -> list[Block]:
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
        f"The row's mean {scores} minus the column's, in percentage points, ± the 95 %"
        " interval over seeds on these sentences (in brackets: on new sentences). A star marks"
        " pairs that differ significantly on these sentences after Holm's correction for the number"
        " of pairs: if all recipes were equal, at most one table in twenty would have a star."
    )
    different = int(pairs["different"].sum()) // 2
    answer = f"{different} of {len(pairs) // 2} pairs differ significantly on these sentences"
    return [Details(title, answer, (Table(caption, matrix),))]


def _unsettled(
    pairs: pandas.DataFrame, split: ScoredSplit, searches: Mapping[str, Search]
) -> list[Block]:
    """Beside each pair without a significant difference, on these sentences or on new ones, what
    would show one; empty without such pairs."""
    if pairs.empty:
        return []
    once = pairs[[one < other for one, other in zip(pairs["regime"], pairs["other"])]]
    unsettled = once[~(once["different"] & once["different_on_new_sentences"]).astype(bool)]
    if unsettled.empty:
        return []
    found = unsettled.to_dict("records")
    rows = [
        {
            "pair": f"{pair['regime']} minus {pair['other']}",
            "difference": f"{100 * pair['difference']:+.1f} ± {100 * pair['half_width']:.1f}",
            "on new sentences": f"± {100 * pair['half_width_new_sentences']:.1f}",
            "report seeds each": _seeds_cell(pair),
            f"{split} sentences": _sentences_cell(pair),
            "command": _command_cell(pair, searches),
        }
        for pair in ({str(name): cell for name, cell in row.items()} for row in found)
    ]
    caption = (
        "More report seeds can show that the winners differ on these sentences, more sentences that"
        " they differ on new ones. With these numbers, a difference that is as large as it seems is"
        f" shown {IN_MOST_CASES}; smaller differences need more. If more seeds do not help, label"
        " more sentences and train both recipes on the same data again (search.export,"
        " search.train)."
    )
    answer = f"{len(unsettled)} of {len(once)} pairs"
    title = "What would settle the pairs without a significant difference"
    frame = pandas.DataFrame(rows)
    return [Details(title, answer, (Table(caption, frame),))]


def _seeds_cell(pair: Mapping[str, Any]) -> str:
    if pair["different"]:
        return "significant already"
    return (
        f"about {pair['seeds_needed']:.0f}"
        if seeds_settle(pair["seeds_needed"])
        else f"more than {MAX_SEEDS}"
    )


def _sentences_cell(pair: Mapping[str, Any]) -> str:
    return (
        "significant already"
        if pair["different_on_new_sentences"]
        else at_least_text(pair["sentences_needed"])
    )


def _command_cell(pair: Mapping[str, Any], searches: Mapping[str, Search]) -> str:
    """More report seeds for both; none where these do not help."""
    if pair["different"] or not seeds_settle(pair["seeds_needed"]):
        return EMPTY_CELL
    both = (searches[pair["regime"]], searches[pair["other"]])
    seeds = int(pair["seeds_needed"])
    return "; ".join(more_seeds(search.summary, seeds, _where(search)) for search in both)


def _without_leaks(searches: Mapping[str, Search], evidence: Evidence) -> list[Block]:
    """The winner's leads, and all pairs, without the rows that are in train too; empty where there
    are none, or it is not recorded which sentences were right."""
    found = without_leaks(searches, evidence)
    if found is None:
        return []
    leads = pandas.DataFrame(
        [
            {
                f"{found.winner} minus": lead.other,
                "split": lead.split,
                "all rows": str(lead.whole),
                "without leaked rows": str(lead.without),
                "on new sentences": f"± {100 * lead.without.new_sentences:.1f}",
            }
            for lead in found.leads
        ]
    )
    caption = (
        "The winner's leads in percentage points, ± the 95 % interval over seeds on these"
        " sentences, with all rows and without the rows that are in train too."
    )
    changed = found.changed_verdicts
    answer = (
        "no verdict changes" if not changed else f"{counted(changed, 'verdict')} of pairs change"
    )
    pairs = _pairwise("All pairs", found.pairs, f"{found.split} accuracy")
    return [
        Details(
            "Differences without the rows that are in train",
            answer,
            (Table(caption, leads), *pairs),
        )
    ]
