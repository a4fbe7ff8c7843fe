"""What the report says of a search's hyperparameters: which mattered, where the best lies, whether
the ranges were wide enough."""

import pandas

from analysis.hyperparameters import figures as space_figures
from analysis.hyperparameters.numbers import edges, numeric, pairs, slices
from analysis.page.blocks import Block, Drawing, Figures, Heading, Paragraph, Table
from analysis.read.folder import Search
from analysis.trials.ranking import short


def blocks(search: Search) -> list[Block]:
    """Nothing where no trial has a score, or the ranges are not known."""
    found, best = slices(search.trials, search.space), search.summary["best_trial"]
    if found.empty:
        return []
    at = edges(found, search.space, best)
    made: list[Block] = [
        Heading("Which hyperparameters mattered, and were their ranges wide enough?")
    ]
    made += _edges(at)
    drawings = _importances(search) + _contour(search, found, best) + _parallel(search, found, best)
    if drawings:
        made.append(Figures(tuple(drawings)))
    made.append(
        Paragraph(
            f"Each parameter by itself: a dot is a trial at full budget, {_stopped(found)}and the"
            " star the best. A shaded end says that the best lies there. Where the dots rise"
            " towards an end, look beyond it; where they are level, the parameter mattered little;"
            " but other parameters change with it, so a slope is a hint and no proof."
        )
    )
    edge = dict(zip(at["parameter"], at["edge"]))
    panels = [
        Drawing(
            name,
            "Range:"
            f" {search.space[name]}.{' The best is at its ' + edge[name] + ' end.' if edge.get(name) else ''}",
            space_figures.one_slice(own, name, search.space[name], best, edge.get(name, "")),
        )
        for name, own in ((str(name), own) for name, own in found.groupby("parameter", sort=False))
    ]
    return [*made, Figures(tuple(panels))]


def _stopped(found: pandas.DataFrame) -> str:
    """How trials that were stopped early are drawn; nothing where none was."""
    pruned = found[found["state"] == "PRUNED"]["score"]
    if pruned.empty:
        return ""
    if pruned.isna().all():
        return (
            "a tick at the bottom one that was stopped before the last stage, in which scores are"
            " made, "
        )
    return "a cross one that was stopped early, with its best epoch, "


def _edges(at: pandas.DataFrame) -> list[Block]:
    """The best trial's values, with a word where one is at the end of its range."""
    if at.empty:
        return []
    outer = list(at[at["edge"] != ""]["parameter"])
    said = (
        f"At the edge of its range is the best trial's {', '.join(outer)}: beyond it may be better"
        " ones, where it has a meaning."
        if outer
        else (
            "No value of the best trial is at the edge of its range: the ranges were wide enough"
            " around it."
        )
    )
    table = pandas.DataFrame(
        {
            "parameter": at["parameter"],
            "the best": [short(value) for value in at["value"]],
            "range": at["range"],
            "at the edge": at["edge"],
        }
    )
    return [
        Paragraph(said),
        Table("The best trial's values and the ranges that they were chosen from.", table),
    ]


def _importances(search: Search) -> list[Drawing]:
    found = search.importances
    if found.empty:
        return []
    left_out = [name for name in search.space if name not in set(found["name"])]
    without = (
        f", nor are {', '.join(left_out)}, which not all of them have, or in which they do not"
        " differ"
        if left_out
        else ""
    )
    return [
        Drawing(
            "Importances",
            "The variance of scores at full budget that each parameter explains by itself, as a"
            " share of what all of them do (fANOVA, a random forest over"
            f" {found['trials'].iloc[0]:.0f} trials). Long bars are worth a finer search. A few"
            " trials that failed to learn make most of a variance, so a long bar may say what"
            " breaks a trial more than what makes a good one better. Trials that were stopped"
            f" early are not in it{without}.",
            space_figures.importances(found),
        )
    ]


def _contour(search: Search, found: pandas.DataFrame, best: int | None) -> list[Drawing]:
    """The two most important parameters; numbers first, between which there is something to
    draw."""
    ranked = [name for name in search.importances["name"] if name in search.space]
    two = (
        sorted(ranked, key=lambda name: not numeric(search.space, name))[:2]
        if len(ranked) > 1
        else []
    )
    both = pairs(found, *two) if two else found.head(0)
    both = both[both["state"] == "COMPLETE"] if len(both) else both
    if len(both) < 2:
        return []
    x, y = two
    numbers = all(numeric(search.space, name) for name in two)
    return [
        Drawing(
            f"{x} and {y}",
            f"{'The two most important parameters that are numbers,' if numbers else 'Two important parameters'}"
            " together: a dot is a trial at full budget, lighter ones scored higher. A ridge that"
            " runs aslant says that one can be traded for the"
            f" other.{' Colours between dots are interpolated, not measured.' if numbers else ''}",
            space_figures.contour(both, x, y, search.space, best),
        )
    ]


def _parallel(search: Search, found: pandas.DataFrame, best: int | None) -> list[Drawing]:
    if found["parameter"].nunique() < 2:
        return []
    return [
        Drawing(
            "All parameters together",
            "A line is a trial; where it crosses an axis, its value lies in that parameter's range,"
            " low at the bottom. Where the best lines run close together, the value matters; where"
            " they fan out, it does not.",
            space_figures.parallel(found, search.space, best),
            wide=True,
        )
    ]
