"""The sections of the report, in order: the answer, the data, the comparison, each search."""

from collections.abc import Mapping, Sequence

import pandas

from analysis.answer import section as answer
from analysis.budget import section as budget
from analysis.comparison import section as comparison
from analysis.comparison.rows import best_first, label, ordered
from analysis.data import section as data
from analysis.evidence import Evidence
from analysis.hyperparameters import section as hyperparameters
from analysis.metric import percent_of, prefix
from analysis.mistakes import section as mistakes
from analysis.page.blocks import Block, Details, Paragraph, Section, Table
from analysis.read.by_data import by_data
from analysis.read.folder import Search
from analysis.text import EMPTY_CELL
from analysis.trials import section as trials

MAX_IN_FULL = 2
"""Of more searches, only the winner has all its figures here; each has them in its own report."""


def sections(searches: Sequence[Search], evidence: Evidence) -> list[Section]:
    """The report's sections: about the data set of the newest search, and what the searches on
    others found. Scores on different sentences are not compared."""
    groups = by_data(searches)
    labelled = _labelled(groups[0])
    best = _best(labelled)
    parts = [
        Section("Answer", tuple(answer.blocks(labelled, evidence))),
        Section("Data", tuple(data.blocks(labelled[best], list(labelled.values())))),
        Section(
            "Comparison",
            (*comparison.blocks(labelled, evidence), *budget.comparison_details(labelled)),
        ),
        _searches(labelled, best, evidence),
    ]
    if len(groups) > 1:
        parts.append(Section("Other data", (_other_data(groups[1:]),)))
    if readings := comparison.paper_blocks(labelled):
        title = "How the paper is read"
        parts.append(Section("Paper", (Details(title, "", tuple(readings)),)))
    return parts


def _other_data(groups: Sequence[Sequence[Search]]) -> Table:
    """The best search on each data set, and its report."""
    best = [next(iter(_best_first(group)), group[0]) for group in groups]
    rows = [
        {
            "best search": search.summary.name,
            "data": search.summary.data,
            "score": percent_of(search.summary.selection_score, search.summary.metric)
            if search.summary.best_trial is not None
            else EMPTY_CELL,
            "report": f"{search.folder.name}/report.html",
        }
        for search in best
    ]
    return Table(
        "The best search on each other data set, by its score on validation. Scores on different"
        " data are not compared.",
        pandas.DataFrame(rows),
    )


def _searches(searches: Mapping[str, Search], best: str, evidence: Evidence) -> Section:
    """One search unfolded a level, or several, each folded, the winner first."""
    if len(searches) == 1:
        return Section("The search", tuple(_search(searches[best], evidence, full=True)))
    details: list[Block] = []
    scores = {title: search.summary.selection_score for title, search in searches.items()}
    for title in sorted(searches, key=lambda title: (title != best, -scores[title])):
        search = searches[title]
        full = title == best or len(searches) <= MAX_IN_FULL
        blocks = _search(search, evidence, full=full)
        if not full:
            blocks.append(
                Paragraph(f"All figures of this search: {search.folder.name}/report.html")
            )
        details.append(Details(title, _hint(search, evidence), tuple(blocks)))
    return Section("Searches", tuple(details))


def _search(search: Search, evidence: Evidence, *, full: bool) -> list[Block]:
    return [
        *trials.details(search, evidence, full=full),
        *hyperparameters.details(search, full=full),
        *budget.details(search, full=full),
        *mistakes.details(search, full=full),
    ]


def _hint(search: Search, evidence: Evidence) -> str:
    """A search's score, and how many trials it took."""
    summary = search.summary
    mean = evidence.mean(summary, "validation")
    if mean.n:
        score = f"{prefix(summary.metric)}{mean.percent} on validation"
    elif summary.best_score is not None:
        score = f"{percent_of(summary.best_score, summary.metric)} on validation, not confirmed"
    else:
        score = "no trial completed"
    return f"{score}; {len(search.trials)} trials"


def _best(labelled: Mapping[str, Search]) -> str:
    """The winner's label; without a result, that of the first search."""
    ranked = _best_first([*labelled.values()])
    first = ranked[0] if ranked else None
    return next(
        (title for title, search in labelled.items() if search is first), next(iter(labelled))
    )


def _best_first(searches: Sequence[Search]) -> list[Search]:
    """The searches with a result, the winner first."""
    of = {id(search.summary): search for search in searches}
    return [of[id(summary)] for summary in best_first([each.summary for each in searches])]


def _labelled(searches: Sequence[Search]) -> dict[str, Search]:
    """The searches by their labels, in the table's order."""
    by_summary = {id(search.summary): search for search in searches}
    summaries = ordered([search.summary for search in searches])
    return {label(summary, summaries): by_summary[id(summary)] for summary in summaries}
