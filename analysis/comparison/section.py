"""What the report says of all searches together: which is ahead, by how much, how surely, and what
each took."""

from collections.abc import Mapping, Sequence

import pandas

from analysis import figures
from analysis.budget import numbers as budget
from analysis.comparison import conditions, duels
from analysis.comparison import numbers as comparison
from analysis.intervals import mean_interval
from analysis.page.blocks import Block, Drawing, Figures, Notes, Paragraph, Table
from analysis.read.folder import Search
from analysis.read.summary import Summary, runs
from analysis.text import duration


def comparison_blocks(searches: Mapping[str, Search]) -> tuple[Block, ...]:
    """Of searches in the table's order, by what they are called there."""
    labels, summaries = list(searches), [search.summary for search in searches.values()]
    return (
        *_standing(summaries, labels),
        Table(
            "The searches, a row each. Accuracies in percent; losses are those on the test split.",
            comparison.table(summaries),
        ),
        Notes(tuple(conditions.remarks(summaries))),
        *_duels(summaries, labels),
        *_equal_budget({name: search.trials for name, search in searches.items()}),
        *_cost(searches),
    )


def _standing(summaries: Sequence[Summary], labels: Sequence[str]) -> list[Block]:
    """Which search is ahead, in a sentence and a picture; nothing where none was confirmed."""
    again = {
        name: one["confirmed_accuracy"]
        for name, one in zip(labels, summaries)
        if one["confirmed_accuracy"]
    }
    if not again:
        return []
    means = {name: mean_interval(values) for name, values in again.items()}
    first, *others = sorted(means, key=lambda name: -means[name].mean)
    said = f"Highest mean on validation: {first}, {means[first].percent}"
    if others:
        found = duels.gap(again[first], again[others[0]])
        above = f"{100 * found.value:.1f} points above" if found.value > 1e-9 else "as high as"
        said += f", {above} {others[0]}, {means[others[0]].percent}. {_verdict(found, first)}"
    else:
        said += "."
    if len(labels) == 1:
        said += (
            " It is the only search here: what it is held against is trial 0 and, where the data"
            " allow, the paper."
        )
    drawing = Drawing(
        "Standings",
        "Means over the confirmed runs with their 95 % intervals (Student's t; none with one seed),"
        " cut where accuracy ends. Where intervals overlap widely, more seeds are needed to tell"
        " the searches apart. Trial 0 has the regime's defaults, or what --fix set in their place,"
        " from one run.",
        figures.standings(comparison.numbers(summaries), labels),
    )
    return [Paragraph(said), Figures((drawing,))]


def _verdict(found: duels.Gap, first: str) -> str:
    """What the seeds say of the difference between the two highest means."""
    if found.half_width is None:
        return "These runs show no spread over seeds, so nothing tells which of the two is better."
    low, high = 100 * (found.value - found.half_width), 100 * (found.value + found.half_width)
    interval = (
        f"The 95 % interval of this difference over seeds is {low:+.1f} to {high:+.1f} points"
    )
    if found.exceeds:
        return f"{interval}: {first} is ahead on these sentences."
    return f"{interval}, so these runs do not tell which of the two is better."


def _duels(summaries: Sequence[Summary], labels: Sequence[str]) -> list[Block]:
    """The difference of each search's winner from each other's, with its interval."""
    split, scores = runs(summaries)
    found = duels.table(dict(zip(labels, scores)))
    if found.empty:
        return []
    halves = [None if pandas.isna(half) else half for half in found["half_width"]]
    gaps = [duels.Gap(value, half) for value, half in zip(found["difference"], halves)]
    shown = found.assign(gap=[f"{gap}{' *' if gap.exceeds else ''}" for gap in gaps])
    matrix = shown.pivot(index="regime", columns="other", values="gap")
    order = [name for name in labels if name in matrix.index]
    matrix = (
        matrix.loc[order, order].fillna(comparison.NOTHING).reset_index().rename_axis(columns=None)
    )
    caption = (
        f"The row's mean {split} accuracy minus the column's, in points, ± the 95 % interval over"
        " seeds (Welch's t; none where runs show no spread). A star: the interval leaves 0 out."
        " Among equal recipes up to one pair in twenty has a star. All runs answered the same"
        " sentences: what others would change is not in it."
    )
    return [Table(caption, matrix)]


def _cost(searches: Mapping[str, Search]) -> list[Block]:
    """What each search took."""
    rows = []
    for name, search in searches.items():
        spent = budget.cost(
            search.trials, search.epochs[search.epochs["kind"].isin(("confirm", "report"))]
        )
        rows.append(
            {
                "regime": name,
                "trials": f"{spent['trials']:.0f}",
                "epochs": f"{spent['epochs']:.0f}",
                "time": (
                    duration(search.summary["seconds"]) if search.finished else comparison.NOTHING
                ),
                "time of trials": duration(spent["seconds"]),
                "time of confirmation": duration(spent["confirmation_seconds"]),
            }
        )
    caption = (
        "What it took: the time while the search ran, and the sums of its runs' own times, of which"
        " several go side by side. Energy is not measured."
    )
    return [Table(caption, pandas.DataFrame(rows))]


def _equal_budget(trials: Mapping[str, pandas.DataFrame]) -> list[Block]:
    """The searches that brought a trial to its full budget, at the same number of trials; nothing
    where none has two."""
    budgets = {
        name: budget.expected_best(found)
        for name, found in trials.items()
        if (found["state"] == "COMPLETE").any()
    }
    if max(map(len, budgets.values()), default=0) < 2:
        return []
    expected = {name: 100 * found["expected"] for name, found in budgets.items() if len(found) > 1}
    halves = [
        f"{name} {best.iloc[-1]:.1f} % of {len(best)} trials, {best.iloc[len(best) // 2 - 1]:.1f} %"
        f" of {len(best) // 2}"
        for name, best in expected.items()
    ]
    drawing = Drawing(
        "What more trials buy",
        "The best score on validation to expect of so many trials, each drawn from those that the"
        " search ran; in four cases of five the best lies in the band. At the same number of trials"
        " the higher line wins; where lines cross, the winner depends on the budget; a line that"
        " still climbs at its end had too few trials. Trials stopped early count with their best"
        " epoch, or, where they were stopped before the last stage, in which scores are made, with"
        " the search's lowest score at full budget. Failed trials without a score count with 0.",
        figures.expected_best(budgets),
    )
    return [Paragraph(f"The best score to expect: {'; '.join(halves)}."), Figures((drawing,))]
