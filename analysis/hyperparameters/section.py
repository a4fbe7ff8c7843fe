"""What the report says about a search's hyperparameters, their importance and their ranges."""

from functools import lru_cache

import pandas

from analysis.holm import LEVEL
from analysis.hyperparameters import figures
from analysis.hyperparameters.effects import MIN_EFFECT_TRIALS, effects
from analysis.hyperparameters.numbers import edges, is_numeric, pairs, placed
from analysis.hyperparameters.robustness import MIN_ROBUSTNESS_TRIALS, robustness
from analysis.metric import WORDS
from analysis.page.blocks import Block, Details, Drawing, Figures, Paragraph, Table, not_drawn
from analysis.read.folder import CONFIG_PREFIX, Search
from analysis.read.scores import named
from analysis.text import EMPTY_CELL, short_value

MIN_PARALLEL = 15
"""Completed trials from which on parallel coordinates show a pattern."""
MIN_SLICE = 8
"""Completed trials from which on a parameter's slice is drawn."""
MIN_IMPORTANCES = 10
"""Completed trials from which on a search computes importances."""
MIN_WIDE = 8
"""Trials from which on an edge that was not reached says something about the ranges."""
MAX_SLICES = 6
"""Parameters that get a slice: those that mattered most."""


def details(search: Search, *, full: bool) -> list[Block]:
    """Empty if no trial reported a score, or the space is not known.

    `full`: with the figures and with the score around the best trial.
    """
    places, best = placed(search), search.summary.best_trial
    if places.empty:
        return []
    ranks, best_values = effects(places, search.space), edges(places, search.space, best)
    parts: list[Block] = [
        Paragraph(_answer(search, ranks, best)),
        *_ranks(ranks),
        *_few_trials(search),
        *_best_values(search, best_values),
    ]
    if full:
        parts += [*_around_the_best(search), *_figures(search, places, ranks)]
    return [Details("Which hyperparameters mattered?", _hint(search, ranks), tuple(parts))]


@lru_cache(maxsize=32)
def _around(search: Search) -> pandas.DataFrame:
    """What happens around the winner."""
    return robustness(placed(search), search.space, search.summary.winner)


def warnings(search: Search) -> list[str]:
    """What the first screen says about the winner's place in its ranges."""
    values = edges(placed(search), search.space, search.summary.winner)
    at_edge = [
        f"{name} ({edge} end)" for name, edge in zip(values["parameter"], values["edge"]) if edge
    ]
    sentences = []
    if at_edge:
        sentences.append(
            f"At the edge of its range: {', '.join(at_edge)}. There may be better values beyond."
        )
    around = _around(search)
    sensitive = list(around[around["verdict"] == "sensitive"]["parameter"])
    if sensitive:
        sentences.append(
            f"Sensitive: a change by a tenth of the range of {', '.join(sensitive)}, up or down,"
            f" lowers the {WORDS[search.summary.metric]} by more than one percentage point."
        )
    return sentences


def _hint(search: Search, ranks: pandas.DataFrame) -> str:
    """The answer in a few words."""
    importances = search.importances
    if len(importances):
        top = importances.head(3)
        return ", ".join(
            f"{name} ({100 * value:.0f} %)" for name, value in zip(top["name"], top["importance"])
        )
    beyond = ranks[ranks["chance"] < LEVEL]
    if len(beyond):
        return ", ".join(beyond["parameter"].head(3))
    if ranks.empty and _complete(search) < MIN_EFFECT_TRIALS:
        return "the trials' values and scores"
    return "too few trials to tell them from chance"


def _answer(search: Search, ranks: pandas.DataFrame, best: int | None) -> str:
    """What the trials say at their number: ranks, or else what the best has that trial 0 has
    not."""
    complete = _complete(search)
    beyond = ranks[ranks["chance"] < LEVEL]
    sentences = []
    if ranks.empty:
        sentences.append(f"From {MIN_EFFECT_TRIALS} completed trials on, they are ranked.")
    elif beyond.empty:
        sentences.append(
            f"No hyperparameter stands out from chance over {complete} completed trials."
            f" The strongest by rank is {ranks['parameter'].iloc[0]}"
            f" ({ranks['better'].iloc[0]} is better)."
        )
    else:
        listed = ", ".join(
            f"{name} ({better} is better)"
            for name, better in zip(beyond["parameter"], beyond["better"])
        )
        sentences.append(f"Beyond chance over {complete} completed trials: {listed}.")
    sentences.append(_against_trial_0(search, best))
    if complete < MIN_IMPORTANCES:
        sentences.append(f"Importances (fANOVA) follow from {MIN_IMPORTANCES} completed trials on.")
    return " ".join(sentence for sentence in sentences if sentence)


def _complete(search: Search) -> int:
    return int((search.trials["state"] == "COMPLETE").sum())


def _few_trials(search: Search) -> list[Block]:
    """The values in which too few trials to be ranked differ, a column per trial, the best
    first."""
    if not 1 < _complete(search) < MIN_EFFECT_TRIALS:
        return []
    completed = search.trials[search.trials["state"] == "COMPLETE"]
    completed = completed.sort_values("final_stage_score", ascending=False)
    heads = [
        f"trial {number:.0f}, {100 * score:.1f} %"
        for number, score in zip(completed["number"], completed["final_stage_score"])
    ]
    values = {
        name: [short_value(value) for value in completed[CONFIG_PREFIX + name]]
        for name in search.space
        if CONFIG_PREFIX + name in completed
    }
    rows = [[name, *row] for name, row in values.items() if len(set(row)) > 1]
    if not rows:
        return []
    caption = f"What the completed trials differ in, and their {WORDS[search.summary.metric]}."
    return [Table(caption, pandas.DataFrame(rows, columns=["parameter", *heads]))]


def _against_trial_0(search: Search, best: int | None) -> str:
    """Where the best trial differs from the given point; empty if it is that."""
    trials = search.trials.set_index("number")
    if best in (None, 0) or 0 not in trials.index:
        return ""
    changed = [
        f"{name} {short_value(trials.loc[0, column])} to {short_value(trials.loc[best, column])}"
        for name in search.space
        if (column := CONFIG_PREFIX + name) in trials
        and short_value(trials.loc[0, column]) != short_value(trials.loc[best, column])
    ]
    return f"From trial 0 to the best, trial {best}: {', '.join(changed)}." if changed else ""


def _ranks(ranks: pandas.DataFrame) -> list[Block]:
    if ranks.empty:
        return []
    table = pandas.DataFrame(
        {
            "parameter": ranks["parameter"],
            "effect by rank": [f"{value:.2f}" for value in ranks["effect"]],
            "better": ranks["better"],
            "by chance": [f"{100 * value:.1f} %" for value in ranks["chance"]],
            "trials": ranks["trials"].astype(str),
        }
    )
    caption = (
        "Rank correlation with the score of completed trials, without its sign (correlation ratio"
        " of the ranks where values have no order). By chance: how often shuffled scores"
        " give as much; of twenty parameters that do nothing, one is below 5 %."
    )
    return [Table(caption, table)]


def _around_the_best(search: Search) -> list[Block]:
    """What a step away from the winner costs."""
    around = _around(search)
    if around.empty:
        return [
            Paragraph(
                f"How the score changes around the winner is estimated from"
                f" {MIN_ROBUSTNESS_TRIALS} completed trials on."
            )
        ]
    table = pandas.DataFrame(
        {
            "parameter": around["parameter"],
            "its value": [short_value(value) for value in around["value"]],
            "a tenth down": _changes(around, "down"),
            "a tenth up": _changes(around, "up"),
            "verdict": around["verdict"],
        }
    )
    caption = (
        "Around the winner: the expected change of the score, in points, if one value moves by a"
        " tenth of its range, ± its 95 % interval. From a Gaussian process over the completed"
        " trials, so a hint: where the verdict is “not known”, trials near the winner would tell."
    )
    return [Table(caption, table)]


def _changes(around: pandas.DataFrame, way: str) -> list[str]:
    return [
        EMPTY_CELL if change != change else f"{100 * change:+.1f} ± {100 * half:.1f}"
        for change, half in zip(around[way], around[f"{way}_half_width"])
    ]


def _figures(search: Search, places: pandas.DataFrame, ranks: pandas.DataFrame) -> list[Block]:
    """What the number of trials allows, and a line on what follows with more."""
    best = search.summary.best_trial
    complete = _complete(search)
    drawings = [*_importances(search), *_contour(search, places, best)]
    missing = []
    if complete >= MIN_SLICE:
        drawings += _slices(search, places, ranks)
    else:
        missing.append(f"slices from {MIN_SLICE}")
    if complete >= MIN_PARALLEL:
        drawings += _parallel(search, places, best)
    else:
        missing.append(f"parallel coordinates from {MIN_PARALLEL}")
    blocks: list[Block] = []
    if complete >= MIN_SLICE:
        blocks.append(
            Paragraph(
                f"In the slices a dot is a completed trial, {_pruned_marks(places)}and the star is"
                " the best. A shaded end means that the best value lies there. Other parameters"
                " vary too, so a slope is a hint, not proof."
            )
        )
    if drawings:
        blocks.append(Figures(tuple(drawings)))
    if missing:
        blocks.append(not_drawn(f"{' and '.join(missing)} completed trials", complete))
    return blocks


def _pruned_marks(places: pandas.DataFrame) -> str:
    """How pruned trials are drawn; empty if there are none."""
    pruned = places[places["state"] == "PRUNED"]["final_stage_score"]
    if pruned.empty:
        return ""
    if pruned.isna().all():
        return "a tick at the bottom is one pruned before the final stage, "
    return "a cross is a pruned one at its best epoch, "


def _best_values(search: Search, best: pandas.DataFrame) -> list[Block]:
    """The best trial's values, and whether one is at an edge of its range."""
    if best.empty:
        return []
    at_edge = list(best[best["edge"] != ""]["parameter"])
    wide = ": the ranges were wide enough around it" if len(search.trials) >= MIN_WIDE else ""
    sentence = (
        f"At the edge of its range is the best trial's {', '.join(at_edge)}. There may be better"
        " values beyond it, if such values make sense."
        if at_edge
        else f"No value of the best trial is at the edge of its range{wide}."
    )
    columns = {
        "parameter": best["parameter"],
        "best value": [short_value(value) for value in best["value"]],
        "range": best["range"],
    }
    if at_edge:
        columns["at the edge"] = best["edge"]
    caption = "The best trial's values and the ranges they were sampled from."
    return [Paragraph(sentence), Table(caption, pandas.DataFrame(columns))]


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
            "The fraction of the variance of the completed trials' scores that each parameter"
            " explains by itself (fANOVA, a random forest over"
            f" {importances['trials'].iloc[0]:.0f} trials). Parameters with long bars deserve a"
            " finer search. A few trials that failed to learn can cause most of the variance, so a"
            " long bar may show what breaks a trial rather than what improves a good one. Pruned"
            f" trials are left out.{left_out}",
            figures.importances(importances),
            data=importances,
        )
    ]


def _contour(search: Search, places: pandas.DataFrame, best: int | None) -> list[Drawing]:
    """The two most important parameters, preferring numeric ones, which can be interpolated."""
    ranked = [name for name in search.importances["name"] if name in search.space]
    if len(ranked) < 2:
        return []
    x, y = sorted(ranked, key=lambda name: not is_numeric(search.space, name))[:2]
    both = pairs(places, x, y)
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
            f"{subject} together: a dot is a completed trial, and lighter ones are better. A"
            f" diagonal ridge means that one can be traded for the other.{interpolated}",
            figures.contour(both, x, y, search.space, best),
            data=named(both, search.summary.metric),
        )
    ]


def _parallel(search: Search, places: pandas.DataFrame, best: int | None) -> list[Drawing]:
    if places["parameter"].nunique() < 2:
        return []
    return [
        Drawing(
            "All parameters together",
            "Each line is a trial. It crosses each axis at the trial's value in that parameter's"
            " range, low values at the bottom. Where the best lines run close together, the value"
            " matters; where they fan out, it does not.",
            figures.parallel(places, search.space, best),
            wide=True,
            data=named(places, search.summary.metric),
        )
    ]


def _slices(search: Search, places: pandas.DataFrame, ranks: pandas.DataFrame) -> list[Drawing]:
    """A figure for each of the parameters that mattered most."""
    best, metric = search.summary.best_trial, search.summary.metric
    values = edges(places, search.space, best)
    edge = dict(zip(values["parameter"], values["edge"]))
    by_importance = [name for name in search.importances["name"] if name in search.space]
    order = list(dict.fromkeys([*by_importance, *ranks["parameter"]]))[:MAX_SLICES]
    drawings = []
    for name in order:
        own = places[places["parameter"] == name]
        if own.empty:
            continue
        at_edge = f" The best is at its {edge[name]} end." if edge.get(name) else ""
        drawings.append(
            Drawing(
                name,
                f"Range: {search.space[name]}.{at_edge}",
                figures.one_slice(
                    own, name, search.space[name], best, edge.get(name, ""), WORDS[metric]
                ),
                data=named(own, metric),
            )
        )
    return drawings
