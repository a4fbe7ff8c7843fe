"""Searches by the data that they ran on: scores on different sentences are not compared."""

from collections.abc import Sequence

import pandas

from analysis.read.contents import Contents
from analysis.read.folder import Search


def by_data(searches: Sequence[Search]) -> list[list[Search]]:
    """The searches on each data set, that of the newest search first."""
    contents, groups = Contents(search.summary for search in searches), dict[str, list[Search]]()
    for search in sorted(searches, key=_ended, reverse=True):
        groups.setdefault(contents.of(search.summary)[0], []).append(search)
    return list(groups.values())


def _ended(search: Search) -> float:
    """When its last epoch ended, in seconds since 1970; 0 where it is not recorded."""
    ended = search.epochs.get("ended", pandas.Series(dtype=float))
    last = pandas.to_numeric(ended, errors="coerce").max()
    return 0.0 if pandas.isna(last) else float(last)
