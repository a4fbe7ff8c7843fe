"""The order of the report: all searches together, then each search, then how the paper is read."""

from collections.abc import Sequence

from analysis.budget import section as budget
from analysis.comparison import section as comparison
from analysis.comparison.rows import label, ordered
from analysis.evidence import Evidence
from analysis.hyperparameters import section as hyperparameters
from analysis.mistakes import section as mistakes
from analysis.page.blocks import Section
from analysis.read.folder import Search
from analysis.trials import section as trials


def sections(searches: Sequence[Search], evidence: Evidence) -> list[Section]:
    """The report's sections; searches are in the order of the comparison."""
    labelled = _labelled(searches)
    parts = [
        Section(
            "Comparison",
            (*comparison.blocks(labelled, evidence), *budget.comparison_blocks(labelled)),
        )
    ]
    parts += [search_section(search, title, evidence) for title, search in labelled.items()]
    if readings := comparison.paper_blocks(labelled):
        parts.append(Section("How the paper is read", tuple(readings)))
    return parts


def search_section(search: Search, title: str, evidence: Evidence) -> Section:
    """One search."""
    return Section(
        title,
        (
            *trials.blocks(search, evidence),
            *hyperparameters.blocks(search),
            *budget.blocks(search),
            *mistakes.blocks(search),
        ),
    )


def _labelled(searches: Sequence[Search]) -> dict[str, Search]:
    """The searches by their labels, in the table's order."""
    by_summary = {id(search.summary): search for search in searches}
    summaries = ordered([search.summary for search in searches])
    return {label(summary, summaries): by_summary[id(summary)] for summary in summaries}
