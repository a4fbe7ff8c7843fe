"""What the report says about budgets: more trials, pruning, and what the searches took."""

from collections.abc import Mapping

import pandas

from analysis.budget import figures
from analysis.budget.numbers import (
    cost,
    expected_best,
    pruning_savings,
    winners_pruned,
)
from analysis.budget.outlook import FURTHER_TRIALS, Ended, expected_gain
from analysis.budget.rungs import rung_correlations
from analysis.metric import WORDS
from analysis.page.blocks import Block, Details, Drawing, Figures, Paragraph, Table, not_drawn
from analysis.read.folder import Search
from analysis.read.stages import later_stages
from analysis.text import EMPTY_CELL, duration

MAX_HINTS = 3
"""Searches whose outlook is told without unfolding."""
MIN_COMPLETE = 5
"""With fewer completed trials, the report does not show how early they can be judged."""


def comparison_details(searches: Mapping[str, Search]) -> list[Block]:
    """All searches at equal numbers of trials, and what each took."""
    outlook = "; ".join(_outlook(searches)[:MAX_HINTS])
    hint = f"{FURTHER_TRIALS} more trials: {outlook}" if outlook else "the cost of each search"
    parts = (*_equal_budgets(searches), _costs(searches))
    return [Details("What did the budget buy, and what would more?", hint, parts)]


def details(search: Search, *, full: bool) -> list[Block]:
    """What pruning did in one search; empty if nothing can be said about it.

    `full`: with the figure of how early trials can be judged.
    """
    pruned = _pruning(search)
    parts = pruned + (_early_judgement(search) if full else [])
    question = "What did pruning do?" if pruned else "Could trials have been pruned?"
    savings = pruning_savings(search.trials)
    hint = "" if savings is None else f"saved {100 * savings.time_fraction:.0f} % of the time"
    return [Details(question, hint, tuple(parts))] if parts else []


def _equal_budgets(searches: Mapping[str, Search]) -> list[Block]:
    """The expected best over the number of trials; empty if no search has two trials that ended."""
    budgets = {
        label: expected_best(search.trials)
        for label, search in searches.items()
        if (search.trials["state"] == "COMPLETE").any()
    }
    if max(map(len, budgets.values()), default=0) < 2:
        return []
    metric = next(iter(searches.values())).summary.metric
    sentences = {
        label: (
            f"{label} found {100 * best['expected'].iloc[-1]:.1f} % with {len(best)} trials, and"
            " half of them would have found"
            f" {100 * best['expected'].iloc[len(best) // 2 - 1]:.1f} %"
        )
        for label, best in budgets.items()
        if len(best) > 1
    }
    drawing = Drawing(
        "What more trials buy",
        f"The best validation {WORDS[metric]} to expect from n of the trials that the search ran,"
        " in random order; in four of five orders it lies in the band. It ends at the best score"
        " found. At an equal number of trials, the higher line is better; a line that still climbs"
        " at its end had too few trials. A pruned trial counts with its best epoch, or, if it was"
        " pruned before the final stage, with the lowest score of a completed trial. A trial that"
        " failed without a score counts with 0.",
        figures.expected_best(budgets, WORDS[metric]),
        data=pandas.concat(
            [best.assign(search=label) for label, best in budgets.items()], ignore_index=True
        ),
    )
    outlook = _outlook(searches)
    paragraphs = [Paragraph(f"{'; '.join(sentences.values())}.")]
    if outlook:
        paragraphs.append(
            Paragraph(
                f"{FURTHER_TRIALS} more trials are expected to raise the best score:"
                f" {'; '.join(outlook)}. This extrapolates the best of the trials that the sampler"
                " proposed, as if they were drawn at random: a sampler that still improves brings"
                " more. A pruned trial counts as far behind the best as it was when it was pruned."
            )
        )
    return [*paragraphs, Figures((drawing,))]


def _outlook(searches: Mapping[str, Search]) -> list[str]:
    """What further trials are expected to bring; nothing of searches that are too short."""
    gains = {label: expected_gain(_ended(search)) for label, search in searches.items()}
    return [
        f"{label} {100 * gain:+.1f} points" for label, gain in gains.items() if gain is not None
    ]


def _ended(search: Search) -> list[Ended]:
    """The trials that ended. Tables of earlier versions do not say which were given."""
    own = search.epochs[search.epochs["kind"] == "search"]
    curves = {
        trial: dict(zip(epochs["epoch"], epochs["validation_score"]))
        for trial, epochs in own.groupby("trial")
    }
    ended = search.trials[search.trials["state"] != "RUNNING"]
    # As in the study: a failed trial has no score, whatever its epochs had.
    final = ended["final_stage_score"].where(ended["state"] == "COMPLETE", 0.0)
    given = ended["given"] == "True" if "given" in ended else [False] * len(ended)
    return [
        Ended(curves.get(number, {}), None if state == "PRUNED" else score, known)
        for number, state, score, known in zip(ended["number"], ended["state"], final, given)
    ]


def _costs(searches: Mapping[str, Search]) -> Table:
    rows = []
    for label, search in searches.items():
        spent = cost(search.trials, search.epochs[search.epochs["kind"] != "search"])
        rows.append(
            {
                "regime": label,
                "trials": f"{spent['trials']:.0f}",
                "epochs": f"{spent['epochs']:.0f}",
                "time": duration(search.summary.seconds) if search.finished else EMPTY_CELL,
                "time of trials": duration(spent["seconds"]),
                "time of choice and report runs": duration(spent["other_seconds"]),
            }
        )
    caption = (
        "The cost of the searches: wall-clock time, and the summed times of their runs, several of"
        " which run at the same time. Energy is not measured."
    )
    return Table(caption, pandas.DataFrame(rows))


def _pruning(search: Search) -> list[Block]:
    """What pruning saved, and what it may have lost; empty if nothing was pruned."""
    savings = pruning_savings(search.trials)
    if savings is None:
        return []
    lost = winners_pruned(search.trials, search.epochs)
    risk = (
        ""
        if lost is None
        else (
            " Judging by what completed trials gained after the same epoch,"
            f" {_about(lost)} of the pruned trials would have become the best. This is a rough"
            " estimate, since it is based on trials that did well; a search with --scheduler none"
            " would measure it."
        )
    )
    return [
        Paragraph(
            f"Pruning: {savings.pruned} of {savings.ended} trials were pruned. They trained"
            f" {savings.epochs} epochs instead of {savings.epochs_without_pruning}, which saved"
            f" {100 * savings.time_fraction:.0f} % of the time.{risk}"
        )
    ]


def _early_judgement(search: Search) -> list[Block]:
    """How early trials can be judged; empty for too few epochs."""
    complete = int((search.trials["state"] == "COMPLETE").sum())
    if complete < MIN_COMPLETE:
        judged = f"how early a trial can be judged, from {MIN_COMPLETE} completed trials"
        return [not_drawn(judged, complete)]
    correlations = rung_correlations(search.trials, search.epochs)
    if len(correlations) < 2:
        return []
    other_classifier = (
        " Before the final stage, the score comes from another classifier."
        if later_stages(search.trials, search.epochs)
        else ""
    )
    drawing = Drawing(
        "How early can a trial be judged?",
        "Spearman's rank correlation of the score after each epoch with the final"
        f" one.{other_classifier} It covers only the {correlations['n'].iloc[0]} completed trials,"
        " so if other trials were pruned, it is lower than over all trials. If it is near 1,"
        " pruning loses little; if it is low, ranks still change.",
        figures.rungs(correlations),
        data=correlations,
    )
    return [Figures((drawing,))]


def _about(number: float) -> str:
    """An expected number in words."""
    return "none" if number < 0.05 else f"about {number:.1f}"
