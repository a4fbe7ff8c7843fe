"""On which data and encoder a search ran: told by their content, not by their names."""

from collections.abc import Iterable

from analysis.read.summary import Summary

FIELDS = ("data", "model")


class Contents:
    """Data and encoders of some searches.

    Where a search of an earlier version did not record a content, and others know one content of
    that name, it is taken to be that.
    """

    def __init__(self, summaries: Iterable[Summary]) -> None:
        self._known: dict[tuple[str, str], set[str]] = {}
        for summary in summaries:
            for name in FIELDS:
                if (fingerprint := getattr(summary, f"{name}_fingerprint")) is not None:
                    key = name, str(getattr(summary, name))
                    self._known.setdefault(key, set()).add(fingerprint)

    def known(self, summary: Summary, name: str) -> set[str]:
        """The contents that searches on the same `data` or `model` had, by that name."""
        return self._known.get((name, str(getattr(summary, name))), set())

    def of(self, summary: Summary) -> tuple[str, ...]:
        """What tells the data and the encoder of a search from others."""
        return tuple(self._one(summary, name) for name in FIELDS)

    def _one(self, summary: Summary, name: str) -> str:
        own: str | None = getattr(summary, f"{name}_fingerprint")
        known = self.known(summary, name)
        return own or (next(iter(known)) if len(known) == 1 else str(getattr(summary, name)))
