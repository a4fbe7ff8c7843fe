"""What a search says of itself in summary.json, and how several of them are ordered, named and
grouped."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from analysis import paper

Summary = Mapping[str, Any]


def ordered(summaries: Sequence[Summary]) -> list[Summary]:
    """As in Table 7, then other regimes by name; searches of one regime by their names."""

    def place(summary: Summary) -> tuple[float, str, str]:
        row = paper.row(summary["regime"])
        return (row.index if row else math.inf, str(summary["regime"]), str(summary["name"]))

    return sorted(summaries, key=place)


def label(summary: Summary, among: Sequence[Summary]) -> str:
    """The regime; with the search's name where `among` has the regime more than once."""
    alone = sum(other["regime"] == summary["regime"] for other in among) < 2
    return str(summary["regime"]) if alone else f"{summary['regime']} ({summary['name']})"


def grouped(summaries: Sequence[Summary], key: Callable[[Summary], Any]) -> list[tuple[Any, str]]:
    """(value, labels of the searches that have it, "all" where several do and no other does) in the
    order of first appearance.

    Searches with None are left out.
    """
    groups: dict[Any, list[str]] = {}
    for summary in summaries:
        if (value := key(summary)) is not None:
            groups.setdefault(value, []).append(label(summary, summaries))
    everyone = len(summaries) if len(summaries) > 1 else 0
    return [
        (value, "all" if len(who) == everyone else ", ".join(who)) for value, who in groups.items()
    ]


def chose(summary: Summary) -> bool:
    """Whether the runs that are reported also chose the winner: so did those of earlier versions,
    whose summaries do not say."""
    return bool(summary["confirmed_accuracy"]) and bool(summary.get("confirmed_runs_chose", True))


def runs(summaries: Sequence[Summary]) -> tuple[str, list[list[float]]]:
    """What searches can be told apart by: accuracies of their winners' runs on fresh seeds, on the
    test split where all that were confirmed have met it, else on validation; with that split's
    name."""
    confirmed = [one for one in summaries if one["confirmed_accuracy"]]
    if confirmed and all(one["test"] for one in confirmed):
        return "test", [[run["test_accuracy"] for run in one["test"]] for one in summaries]
    return "validation", [list(one["confirmed_accuracy"]) for one in summaries]
