"""Every number that the report draws, as tables for its CSV files."""

from collections.abc import Callable, Sequence

import pandas

from analysis.budget.numbers import expected_best
from analysis.comparison import duels
from analysis.comparison import numbers as comparison
from analysis.hyperparameters.numbers import edges, slices
from analysis.mistakes import numbers as errors
from analysis.read.folder import Search
from analysis.read.summary import label, ordered, runs
from analysis.rungs import rungs
from analysis.trials.numbers import best_so_far


def tables(found: Sequence[Search]) -> dict[str, pandas.DataFrame]:
    """By name:

    `comparison` (a row a search), `duels` (a row a pair), and under each other for all searches
    `trials`, `epochs`, `budget` (the best to expect of so many trials), `slices` (a row a trial and
    parameter), `edges` (the best trial's values), `importances`, `rungs` (how early trials can be
    judged), and of the winner's errors `confusions`, `classes` and `calibration`.
    """
    summaries = ordered([search.summary for search in found])
    _, scores = runs(summaries)
    per_search: dict[str, Callable[[Search], pandas.DataFrame]] = {
        "trials": _trials,
        "epochs": lambda search: search.epochs,
        "budget": lambda search: expected_best(search.trials),
        "slices": lambda search: slices(search.trials, search.space),
        "edges": lambda search: edges(
            slices(search.trials, search.space), search.space, search.summary["best_trial"]
        ),
        "importances": lambda search: search.importances,
        "rungs": _rungs,
        "confusions": _confusions,
        "classes": lambda search: errors.classes(search.predictions),
        "calibration": lambda search: errors.calibration(search.predictions),
    }
    return {
        "comparison": comparison.numbers(summaries).convert_dtypes(),
        "duels": duels.table(dict(zip([label(one, summaries) for one in summaries], scores))),
        **{name: _stacked(found, made) for name, made in per_search.items()},
    }


def _stacked(
    found: Sequence[Search], made: Callable[[Search], pandas.DataFrame]
) -> pandas.DataFrame:
    """One table of all searches, which a first column names."""
    frames = []
    for search in found:
        frame = made(search).convert_dtypes()
        frame.insert(0, "search", search.spec["name"])
        frames.append(frame)
    return pandas.concat(frames, ignore_index=True)


def _trials(search: Search) -> pandas.DataFrame:
    best = best_so_far(search.trials)[["number", "best"]].rename(columns={"best": "best_so_far"})
    return search.trials.merge(best, on="number", how="left")


def _rungs(search: Search) -> pandas.DataFrame:
    try:
        return rungs(search.trials, search.epochs)
    except ValueError:  # too few trials to rank
        return pandas.DataFrame(
            columns=["epoch", "correlation", "correlation_better_half", "lost", "n"]
        )


def _confusions(search: Search) -> pandas.DataFrame:
    found = errors.confusions(search.predictions)
    return found.assign(examples=["; ".join(texts) for texts in found["examples"]])
