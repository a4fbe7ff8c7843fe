"""The tables of published searches between two marks of a Markdown page."""

import re
import shlex
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from analysis.atomic import write
from analysis.evidence import Evidence
from analysis.metric import WORDS
from analysis.page.markdown import escaped, markdown
from analysis.published.record import Published
from analysis.published.tables import goals, overview, scores, to_paper, to_papers_best
from analysis.read.summary import Summary
from analysis.text import counted, short_value

BEGIN = "<!-- made by analysis.results: edits between these marks are lost -->"
END = "<!-- end of what analysis.results made -->"
WIDTH = 100
SHOWN_VERSIONS = ("python", "torch", "transformers", "ray", "optuna")
NO_SEARCH = "No search is published yet."
FEW_SHOTS = 10
"""The goals of few examples are for at most so many training sentences of each label."""


def rewrite(page: Path, published: Sequence[Published]) -> None:
    """Write the tables into a page. Raises ValueError where it lacks the marks."""
    try:
        text = page.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ValueError(f"no page '{page}'") from None
    write(page, rewritten(text, published, page))


def rewritten(text: str, published: Sequence[Published], page: Path | str = "the page") -> str:
    """A page's text with new tables between its marks; everything else stays."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"'{page}' must have the lines '{BEGIN}' and '{END}', in this order")
    return f"{before}{BEGIN}\n\n{tables(published)}\n{END}{after}"


def tables(published: Sequence[Published]) -> str:
    """All searches, then a section per data set, model and metric, in order of appearance."""
    groups: dict[str, list[Published]] = {}
    for search in published:
        groups.setdefault(_title(search.summary), []).append(search)
    if not groups:
        return f"{NO_SEARCH}\n"
    summaries = [search.summary for search in published]
    correct = {search.summary.name: search.right for search in published}
    evidence = Evidence(summaries, correct)
    sections = ["\n\n".join(_section(title, group, evidence)) for title, group in groups.items()]
    return "\n\n".join([markdown(overview(summaries, evidence)).rstrip(), *sections]) + "\n"


def _title(summary: Summary) -> str:
    by = "" if summary.metric == "accuracy" else f", by {WORDS[summary.metric]}"
    return f"{summary.data}, {summary.model}{by}"


def _section(title: str, group: Sequence[Published], evidence: Evidence) -> Iterator[str]:
    summaries = [search.summary for search in group]
    yield f"### {escaped(title)}"
    yield _paragraph(_conditions(group))
    yield markdown(scores(summaries, evidence)).rstrip()
    differences = goals(summaries, evidence)
    few = any(search.shots and search.shots <= FEW_SHOTS for search in group)
    if few and not differences.empty:
        yield markdown(differences).rstrip()
    if not (ranked := to_papers_best(summaries, evidence)).empty:
        yield markdown(ranked).rstrip()
    if not (distances := to_paper(summaries, evidence)).empty:
        yield markdown(distances).rstrip()
    yield "<details><summary>Winners' configurations, versions and commands</summary>"
    for search in group:
        yield _paragraph(_winner(search))
        yield f"```sh\n{_wrapped(search.command)}\n```"
    yield "</details>"


def _conditions(group: Sequence[Published]) -> str:
    first = group[0].summary
    sizes = ", ".join(f"{count:,} {split}" for split, count in first.rows.items())
    machines = dict.fromkeys(search.summary.machine or "hardware not recorded" for search in group)
    return f"Sentences: {sizes or 'not recorded'}. Machine: {'; '.join(machines)}."


def _winner(search: Published) -> str:
    """The winner's configuration as far as it was searched, and what it was made with."""
    summary = search.summary
    values = ", ".join(
        f"{name}={short_value(search.configuration[name])}" for name in search.searched
    )
    states = ", ".join(f"{count} {state}" for state, count in summary.states.items() if count)
    made = [
        f"{name} {summary.versions[name]}" for name in SHOWN_VERSIONS if name in summary.versions
    ]
    made += [f"commit {summary.commit[:10]}"] if summary.commit else []
    made += [search.date] if search.date else []
    return (
        f"{summary.regime}: trial {summary.winner} of"
        f" {counted(summary.trial_count, 'trial')} ({states}) of"
        f" {summary.budget}; {values or 'the defaults'}. {', '.join(made)}."
    )


def _paragraph(text: str) -> str:
    return textwrap.fill(escaped(text), WIDTH, break_long_words=False, break_on_hyphens=False)


def _wrapped(command: str) -> str:
    """A command in lines that a shell joins, broken before a flag."""
    words = shlex.split(command)
    parts = re.split(r" (?=--)", shlex.join(words))
    lines = [parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + len(part) + 3 > WIDTH:
            lines.append(f"    {part}")
        else:
            lines[-1] += f" {part}"
    return " \\\n".join(lines)
