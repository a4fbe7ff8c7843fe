"""What the report says of all searches together: which is ahead, by how much, how surely, and what each took."""

from collections.abc import Mapping, Sequence

import pandas

from analysis import budget, comparison, conditions, duels, figures
from analysis.blocks import Block, Drawing, Figures, Notes, Paragraph, Table
from analysis.intervals import mean_interval
from analysis.read import Search
from analysis.summary import Summary, runs


def comparison_blocks(searches: Mapping[str, Search]) -> tuple[Block, ...]:
    """Of searches in the table's order, by what they are called there."""
    labels, summaries = list(searches), [search.summary for search in searches.values()]
    return (
        *_standing(summaries, labels),
        Table("The searches, a row each. Accuracies in percent; losses are those on the test split.", comparison.table(summaries)),
        Notes(tuple(conditions.remarks(summaries))),
        *_duels(summaries, labels),
        *_equal_budget({name: search.trials for name, search in searches.items()}),
        *_cost(searches),
    )


def _standing(summaries: Sequence[Summary], labels: Sequence[str]) -> list[Block]:
    """Which search is ahead, in a sentence and a picture; nothing where none was confirmed."""
    means = {name: mean_interval(one["confirmed"]) for name, one in zip(labels, summaries) if one["confirmed"]}
    if not means:
        return []
    first, *others = sorted(means, key=lambda name: -means[name].mean)
    said = f"Highest on validation over fresh seeds: {first}, {means[first].percent}"
    if others:
        gap = 100 * (means[first].mean - means[others[0]].mean)
        said += f", {gap:.1f} points above {others[0]}, {means[others[0]].percent}"
        chance = duels.table(dict(zip(labels, (one["confirmed"] for one in summaries))))
        row = chance[(chance["regime"] == first) & (chance["other"] == others[0])]
        if len(row):
            said += f"; with other seeds it would be ahead with a probability of {row['probability'].iloc[0]:.0%}"
    drawing = Drawing(
        "Standings",
        "Means over fresh seeds with their 95 % intervals (Student's t; none with one seed), cut where accuracy ends. Where intervals "
        "overlap widely, more seeds are needed to tell the searches apart. Trial 0 is the paper's configuration, from one run.",
        figures.standings(comparison.numbers(summaries), labels),
    )
    alone = (
        "" if len(labels) > 1 else " It is the only search here: what it is held against is trial 0 and, where the data allow, the paper."
    )
    return [Paragraph(f"{said}.{alone}"), Figures((drawing,))]


def _duels(summaries: Sequence[Summary], labels: Sequence[str]) -> list[Block]:
    """The probability of each search's winner to be ahead of each other's."""
    split, scores = runs(summaries)
    found = duels.table(dict(zip(labels, scores)))
    if found.empty:
        return []
    shown = found.assign(probability=[f"{100 * chance:.0f} %" for chance in found["probability"]])
    matrix = shown.pivot(index="regime", columns="other", values="probability")
    order = [name for name in labels if name in matrix.index]
    matrix = matrix.loc[order, order].fillna(comparison.NOTHING).reset_index().rename_axis(columns=None)
    caption = (
        f"How probable is it that the row's mean {split} accuracy is above the column's? Bootstrap over the runs on fresh seeds; with two "
        "or three it is coarse, and 100 % says only that no resample was the other way round."
    )
    return [Table(caption, matrix)]


def _cost(searches: Mapping[str, Search]) -> list[Block]:
    """What each search took."""
    rows = []
    for name, search in searches.items():
        spent = budget.cost(search.trials, search.epochs[search.epochs["kind"].isin(("confirm", "report"))])
        minutes = search.summary["seconds"] / 60
        rows.append(
            {
                "regime": name,
                "trials": f"{spent['trials']:.0f}",
                "epochs": f"{spent['epochs']:.0f}",
                "minutes": f"{minutes:.1f}",
                "hours of trials": f"{spent['hours']:.2f}",
                "hours of confirmation": f"{spent['confirmation_hours']:.2f}",
            }
        )
    caption = (
        "What it took: minutes from start to end; hours are those of each run, of which several go side by side. Energy is not measured."
    )
    return [Table(caption, pandas.DataFrame(rows))]


def _equal_budget(trials: Mapping[str, pandas.DataFrame]) -> list[Block]:
    """The searches that brought a trial to its full budget, at the same number of trials; nothing where none has two."""
    budgets = {name: budget.expected_best(found) for name, found in trials.items() if (found["state"] == "COMPLETE").any()}
    if max(map(len, budgets.values()), default=0) < 2:
        return []
    expected = {name: 100 * found["expected"] for name, found in budgets.items() if len(found) > 1}
    halves = [
        f"{name} {best.iloc[-1]:.1f} % of {len(best)} trials, {best.iloc[len(best) // 2 - 1]:.1f} % of half as many"
        for name, best in expected.items()
    ]
    drawing = Drawing(
        "What more trials buy",
        "The best score on validation to expect of so many trials, each drawn from those that the search ran; in four cases of five the "
        "best lies in the band. At the same number of trials the higher line wins; where lines cross, the winner depends on the budget; a "
        "line that still climbs at its end had too few trials. Trials stopped early count with their best epoch, or, where they were "
        "stopped before the last stage, in which scores are made, with the search's lowest score at full budget. Failed trials without "
        "a score count with 0.",
        figures.expected_best(budgets),
    )
    return [Paragraph(f"The best score to expect: {'; '.join(halves)}."), Figures((drawing,))]
