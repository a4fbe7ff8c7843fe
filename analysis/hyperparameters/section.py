"""What the report says about a search's hyperparameters, their importance and their ranges."""

import pandas

from analysis.hyperparameters import figures
from analysis.hyperparameters.numbers import edges, is_numeric, pairs, slices
from analysis.page.blocks import Block, Drawing, Figures, Heading, Paragraph, Table
from analysis.read.folder import Search
from analysis.text import short_value


def blocks(search: Search) -> list[Block]:
    """Empty if no trial reported an accuracy, or the space is not known."""
    placed, best = slices(search.trials, search.space), search.summary.best_trial
    if placed.empty:
        return []
    best_values = edges(placed, search.space, best)
    drawings = [
        *_importances(search),
        *_contour(search, placed, best),
        *_parallel(search, placed, best),
    ]
    return [
        Heading("Which hyperparameters mattered, and were their ranges wide enough?"),
        *_best_values(best_values),
        *([Figures(tuple(drawings))] if drawings else []),
        Paragraph(
            "Each parameter by itself: a dot is a completed trial,"
            f" {_pruned_marks(placed)}and the star is the best trial. A shaded end means that the"
            " best value lies there. If accuracy rises towards an end of the range, look beyond it;"
            " if it is level, the parameter mattered little. Other parameters vary too, so a slope"
            " is a hint, not proof."
        ),
        _slices(search, placed, best_values),
    ]


def _pruned_marks(placed: pandas.DataFrame) -> str:
    """How pruned trials are drawn; empty if there are none."""
    pruned = placed[placed["state"] == "PRUNED"]["final_stage_accuracy"]
    if pruned.empty:
        return ""
    if pruned.isna().all():
        return "a tick at the bottom is one pruned before the final stage, "
    return "a cross is a pruned one at its best epoch, "


def _best_values(best: pandas.DataFrame) -> list[Block]:
    """The best trial's values, and whether one is at an edge of its range."""
    if best.empty:
        return []
    at_edge = list(best[best["edge"] != ""]["parameter"])
    sentence = (
        f"At the edge of its range is the best trial's {', '.join(at_edge)}. There may be better"
        " values beyond it, if such values make sense."
        if at_edge
        else (
            "No value of the best trial is at the edge of its range: the ranges were wide enough"
            " around it."
        )
    )
    table = pandas.DataFrame(
        {
            "parameter": best["parameter"],
            "best value": [short_value(value) for value in best["value"]],
            "range": best["range"],
            "at the edge": best["edge"],
        }
    )
    caption = "The best trial's values and the ranges they were sampled from."
    return [Paragraph(sentence), Table(caption, table)]


def _importances(search: Search) -> list[Drawing]:
    importances = search.importances
    if importances.empty:
        return []
    missing = [name for name in search.space if name not in set(importances["name"])]
    left_out = (
        " Parameters that not all of these trials have, or in which they do not differ, are left"
        f" out too: {', '.join(missing)}."
        if missing
        else ""
    )
    return [
        Drawing(
            "Importances",
            "The fraction of the variance of the completed trials' accuracies that each parameter"
            " explains by itself (fANOVA, a random forest over"
            f" {importances['trials'].iloc[0]:.0f} trials). Parameters with long bars deserve a"
            " finer search. A few trials that failed to learn can cause most of the variance, so a"
            " long bar may show what breaks a trial rather than what improves a good one. Pruned"
            f" trials are left out.{left_out}",
            figures.importances(importances),
        )
    ]


def _contour(search: Search, placed: pandas.DataFrame, best: int | None) -> list[Drawing]:
    """The two most important parameters, preferring numeric ones, which can be interpolated."""
    ranked = [name for name in search.importances["name"] if name in search.space]
    if len(ranked) < 2:
        return []
    x, y = sorted(ranked, key=lambda name: not is_numeric(search.space, name))[:2]
    both = pairs(placed, x, y)
    both = both[both["state"] == "COMPLETE"]
    if len(both) < 2:
        return []
    numeric = is_numeric(search.space, x) and is_numeric(search.space, y)
    most_important = "The two most important parameters that are numbers,"
    subject = most_important if numeric else "Two important parameters"
    interpolated = " Colours between dots are interpolated, not measured." if numeric else ""
    return [
        Drawing(
            f"{x} and {y}",
            f"{subject} together: a dot is a completed trial, and lighter ones are more accurate. A"
            f" diagonal ridge means that one can be traded for the other.{interpolated}",
            figures.contour(both, x, y, search.space, best),
        )
    ]


def _parallel(search: Search, placed: pandas.DataFrame, best: int | None) -> list[Drawing]:
    if placed["parameter"].nunique() < 2:
        return []
    return [
        Drawing(
            "All parameters together",
            "Each line is a trial. It crosses each axis at the trial's value in that parameter's"
            " range, low values at the bottom. Where the best lines run close together, the value"
            " matters; where they fan out, it does not.",
            figures.parallel(placed, search.space, best),
            wide=True,
        )
    ]


def _slices(search: Search, placed: pandas.DataFrame, best_values: pandas.DataFrame) -> Figures:
    """A figure per parameter."""
    edge = dict(zip(best_values["parameter"], best_values["edge"]))
    drawings = []
    for name, own in placed.groupby("parameter", sort=False):
        name = str(name)
        at_edge = f" The best is at its {edge[name]} end." if edge.get(name) else ""
        drawings.append(
            Drawing(
                name,
                f"Range: {search.space[name]}.{at_edge}",
                figures.one_slice(
                    own, name, search.space[name], search.summary.best_trial, edge.get(name, "")
                ),
            )
        )
    return Figures(tuple(drawings))
