"""The first screen of prepared folders."""

from pathlib import Path

from analysis.answer import section
from analysis.evidence import Evidence
from analysis.page.blocks import Answer
from analysis.read.folder import read_searches


def answer(folder: Path) -> Answer:
    searches = {search.summary.regime: search for search in read_searches(folder)}
    evidence = Evidence([search.summary for search in searches.values()])
    (block,) = section.blocks(searches, evidence)
    assert isinstance(block, Answer)
    return block


def facts(shown: Answer) -> dict[str, str]:
    return {fact.question: fact.answer for fact in shown.facts}
