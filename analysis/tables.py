"""The numbers behind the report, as tables for its CSV files."""

from collections.abc import Callable, Sequence

import pandas

from analysis.budget.numbers import expected_best
from analysis.budget.rungs import COLUMNS, MIN_RANKED_TRIALS, rung_correlations
from analysis.comparison.floors import floor_rows
from analysis.comparison.leaks import LeadsWithoutLeaks, without_leaks
from analysis.comparison.numbers import numbers, records
from analysis.comparison.pairwise import comparable_split, pairwise_table
from analysis.comparison.rows import label, ordered
from analysis.evidence import Evidence
from analysis.hyperparameters.numbers import edges, placed
from analysis.mistakes import numbers as mistakes
from analysis.read.by_data import by_data
from analysis.read.folder import Search
from analysis.read.scores import named
from analysis.read.summary import Summary
from analysis.trials.numbers import best_so_far


def _trials(search: Search) -> pandas.DataFrame:
    best = best_so_far(search.trials)[["number", "best_so_far"]]
    return search.trials.merge(best, on="number", how="left")


def _rungs(search: Search) -> pandas.DataFrame:
    """Empty for too few completed trials."""
    enough = (search.trials["state"] == "COMPLETE").sum() >= MIN_RANKED_TRIALS
    if not enough:
        return pandas.DataFrame(columns=COLUMNS)
    return rung_correlations(search.trials, search.epochs)


def _confusions(search: Search) -> pandas.DataFrame:
    confusions = mistakes.confusions(search.predictions)
    return confusions.assign(examples=["; ".join(texts) for texts in confusions["examples"]])


PER_SEARCH: dict[str, Callable[[Search], pandas.DataFrame]] = {
    "trials": _trials,
    "epochs": lambda search: search.epochs,
    "budget": lambda search: expected_best(search.trials),
    "slices": placed,
    "edges": lambda search: edges(placed(search), search.space, search.summary.best_trial),
    "importances": lambda search: search.importances,
    "rungs": _rungs,
    "confusions": _confusions,
    "classes": lambda search: mistakes.classes(search.predictions),
    "calibration": lambda search: mistakes.calibration(search.predictions),
}
"""The tables that stack the rows of all searches, by name."""

NAMES = ("comparison", "duels", "duels_without_leaks", "leads_without_leaks", *PER_SEARCH)
"""All tables of a report."""


def tables(searches: Sequence[Search], evidence: Evidence) -> dict[str, pandas.DataFrame]:
    """The tables by name: `comparison` (a row per search, then one per floor), and those of
    `PER_SEARCH`. Of the searches on the data that the page is about: `duels` (a row per pair) with
    and without the rows that are in train, and the winner's leads with and without them."""
    compared = by_data(searches)[0]
    summaries = ordered([search.summary for search in compared])
    labels = [label(summary, summaries) for summary in summaries]
    labelled = dict(zip(labels, summaries))
    by_summary = {id(search.summary): search for search in compared}
    fewer = without_leaks({name: by_summary[id(own)] for name, own in labelled.items()}, evidence)
    pairs = pairwise_table(labelled, comparable_split(summaries), evidence)
    return {
        "comparison": _comparison(
            ordered([search.summary for search in searches]), evidence
        ).convert_dtypes(),
        "duels": pairs,
        "duels_without_leaks": pairs.head(0) if fewer is None else fewer.pairs,
        "leads_without_leaks": _leads(fewer),
        **{name: _stacked(searches, table) for name, table in PER_SEARCH.items()},
    }


def _leads(fewer: LeadsWithoutLeaks | None) -> pandas.DataFrame:
    """A row per lead of the winner, with all rows and without those in train."""
    columns = ["difference", "half_width", "half_width_new_sentences"]
    columns += [f"{name}_without_leaks" for name in columns]
    rows = [] if fewer is None else fewer.leads
    frame = [
        (lead.other, lead.split, *lead.whole.interval, *lead.without.interval) for lead in rows
    ]
    return pandas.DataFrame(frame, columns=["other", "split", *columns])


def _comparison(summaries: Sequence[Summary], evidence: Evidence) -> pandas.DataFrame:
    """A row per search, then a row per floor."""
    rows = numbers(summaries, evidence)
    beneath = floor_rows(ordered(summaries))
    frame = pandas.DataFrame([*rows.to_dict("records"), *beneath], columns=rows.columns)
    return records(frame, summaries[0].metric)


def _stacked(
    searches: Sequence[Search], table: Callable[[Search], pandas.DataFrame]
) -> pandas.DataFrame:
    """The rows of all searches, with the search's name in the first column."""
    names = [search.spec["name"] for search in searches]
    frames = [named(table(search), search.summary.metric) for search in searches]
    stacked = pandas.concat(frames, keys=names, names=["search"])
    return stacked.reset_index("search").reset_index(drop=True).convert_dtypes()
