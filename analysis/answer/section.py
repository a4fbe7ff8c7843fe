"""The report's first screen."""

from collections.abc import Mapping

from analysis import shell_lines
from analysis.answer.configuration import configuration
from analysis.answer.facts import facts
from analysis.answer.headline import headline
from analysis.answer.next_commands import next_commands
from analysis.answer.provenance import provenance
from analysis.answer.verdict import verdict
from analysis.answer.warnings import warnings
from analysis.comparison.floors import verdicts
from analysis.comparison.pairwise import comparable_split, pairwise_table
from analysis.comparison.rows import best_first
from analysis.evidence import Evidence
from analysis.page.blocks import Answer, Block, Code, Paragraph
from analysis.read.folder import Search


def blocks(searches: Mapping[str, Search], evidence: Evidence) -> list[Block]:
    """The answer of these searches, by their labels; a sentence where no trial completed."""
    summaries = {label: search.summary for label, search in searches.items()}
    ranked = best_first(list(summaries.values()))
    if not ranked:
        return _no_winner(searches)
    labels = [
        next(label for label, own in summaries.items() if own is summary) for summary in ranked
    ]
    best = searches[labels[0]]
    split = comparable_split(list(summaries.values()))
    pairs = pairwise_table(summaries, split, evidence)
    return [
        Answer(
            headline(labels, best.summary, evidence, pairs),
            tuple(facts(labels, searches, evidence, split, pairs)),
            verdict(labels, best, split, pairs),
            tuple(warnings(labels, searches, evidence)),
            (configuration(best), next_commands(labels, searches, evidence, pairs)),
            tuple(provenance(best, searches)),
        )
    ]


def _no_winner(searches: Mapping[str, Search]) -> list[Block]:
    """That there is none yet, what the floors reach until then, and how to continue."""
    floors = " ".join(verdicts([search.summary for search in searches.values()]))
    lines = [
        shell_lines.resume(search.spec, shell_lines.results_flag(search.folder, search.spec))
        for search in searches.values()
        if search.summary.trial_count < search.spec["trials"]
    ]
    said = f"No trial completed: there is no winner yet. {floors}"
    return [Paragraph(said.strip()), *([Code("Continue", tuple(lines))] if lines else [])]
