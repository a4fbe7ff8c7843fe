"""What a search found, as short texts: tags of its run, which MLflow's table shows as columns."""

from collections.abc import Mapping

from analysis import shell_lines
from analysis.comparison.floors import to_floor
from analysis.evidence import Evidence
from analysis.mistakes.numbers import most_confused_in
from analysis.page.markdown import escaped
from analysis.read.summary import Summary
from search.spec import SearchSpec

CONFIRMED, OVER_FLOOR = "regimen.confirmed", "regimen.over_floor"
ERRS_MOST, NEXT = "regimen.errs_most", "regimen.next"


def result_tags(spec: SearchSpec, summary: Summary) -> dict[str, str]:
    """The confirmed score, its distance to the best floor in points, where the winner errs and the
    next command: as far as they are known."""
    evidence = Evidence.beside(spec.folder.parent, [summary])
    confirmed = evidence.mean(summary, "validation")
    results = shell_lines.results_flag(spec.folder, vars(spec))
    if summary.confirmed_scores:
        step = shell_lines.export(vars(spec), results)
    else:
        step = shell_lines.confirm(vars(spec), results, summary.trials_to_keep)
    found = {
        CONFIRMED: f"{confirmed.short} on validation" if confirmed.n else None,
        OVER_FLOOR: _over_floor(summary, evidence),
        ERRS_MOST: most_confused_in(spec.folder),
        NEXT: step,
    }
    return {name: text for name, text in found.items() if text}


def last_search_note(result: Mapping[str, str]) -> str:
    """The next command and the most confused labels of the search that ended last, as Markdown.

    MLflow's UI shows one line of it above all lists of runs. The command names the search.
    """
    note = f"Next after the last search: `{result[NEXT]}`"
    if confused := result.get(ERRS_MOST, "").rpartition(", ")[0]:
        note += f". Its winner errs most: {escaped(confused)}"
    return note


def _over_floor(summary: Summary, evidence: Evidence) -> str | None:
    """`+1.3 ± 2.8 over probe, on new test sentences`; None where it is not known."""
    floor, (split, lead) = summary.best_floor, to_floor(summary, evidence)
    if floor is None or lead is None:
        return None
    points = f"{100 * lead.value:+.1f} ± {100 * lead.new_sentences:.1f}"
    return f"{points} over {floor.name}, on new {split} sentences"
