"""What a command prints at its end: how its searches ended, what they found, how to go on."""

from collections.abc import Sequence

from rich.console import Console

from analysis.command import INTERRUPTED, NO_RESULT, OK
from analysis.evidence import Evidence
from analysis.read.folder import REPORT_FILE
from analysis.text import duration
from search.driver.outcome import Outcome
from search.terminal import next_commands
from search.terminal.console import print_next
from search.terminal.outcome import print_outcome
from search.tracking.store import tracking_uri
from search.tracking.views import searches_page
from search.trials.ending import Ending

WHY_EARLY = {
    Ending.EXHAUSTED: "; the space has no further configurations",
    Ending.TIME: "; the time budget was spent",
    Ending.PATIENCE: "; ended early, since more trials were not expected to help (--patience)",
    Ending.COMMON_FAILURE: "; stopped, because the first trials failed for one reason",
}
"""Why a search ended with fewer trials than asked for."""


def print_result(
    console: Console,
    outcomes: Sequence[Outcome],
    *,
    quiet: bool = False,
    auto: bool = False,
    again: str | None = None,
) -> int:
    """Print how the searches ended, the table, the winner and the next commands; returns the exit
    code.

    `quiet` leaves out the winner, and how a search ended unless it ended early. `auto`: the
    searches shared a budget. `again`: how the user continues a command that was stopped.
    """
    for outcome in outcomes:
        early = WHY_EARLY.get(outcome.ending, "")
        if early or not quiet:
            console.print(_how_it_ended(outcome) + early)
    summaries, results = [outcome.summary for outcome in outcomes], outcomes[0].spec.folder.parent
    evidence = Evidence.beside(results, summaries)
    # A list of regimes may be stopped before some have a trial.
    begun = [summary for summary in summaries if summary.trial_count]
    print_outcome(console, begun or summaries, evidence, results, quiet=quiet)
    if again is not None:
        console.print(f"stopped. Continue with: {again}")
        return INTERRUPTED
    ranked = [outcome for outcome in outcomes if outcome.summary.best_trial is not None]
    if not ranked:
        console.print("no trial completed: there is no result", style="bold red")
        return NO_RESULT
    # Of the searches of --regime auto, only the last was not given up.
    candidates = ranked[-1:] if auto else ranked
    best = max(candidates, key=lambda outcome: outcome.summary.selection_score)
    _print_next(console, best, evidence, several=len(outcomes) > 1)
    return OK


def _print_next(console: Console, best: Outcome, evidence: Evidence, *, several: bool) -> None:
    """The report, MLflow's page and the commands for the winner; `several` searches share both."""
    spec = best.spec
    page = searches_page(best.page) if several else best.page
    browse, *address = next_commands.leaderboard(
        tracking_uri(spec.tracking_uri, spec.results), page
    )
    lines = [("browse", browse), *(("", line) for line in address)]
    report = (spec.folder.parent if several else spec.folder) / REPORT_FILE
    if report.is_file():
        lines.insert(0, ("report", str(report)))
    lines += next_commands.after(spec, best.summary, evidence)
    print_next(console, lines)


def _how_it_ended(outcome: Outcome) -> str:
    states = outcome.summary.states
    counts = f"{states['COMPLETE']} complete, {states['PRUNED']} pruned, {states['FAIL']} failed"
    return f"{outcome.spec.name}: {counts} in {duration(outcome.summary.seconds)}"
