"""What the answer is of: data, model, size and date of the search, versions and machine."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pandas

from analysis.read.folder import Search
from analysis.read.summary import Summary
from analysis.text import counted, duration

SHOWN_VERSIONS = ("regimen", "torch", "transformers", "ray", "optuna")


def provenance(best: Search, searches: Mapping[str, Search]) -> list[tuple[str, str]]:
    """Names and values; what is not known is left out."""
    summary = best.summary
    sizes = ", ".join(f"{count:,} {split}" for split, count in _rows(summary).items())
    trials = sum(len(search.trials) for search in searches.values())
    seconds = sum(search.summary.seconds for search in searches.values())
    several = f" in {len(searches)} searches" if len(searches) > 1 else ""
    versions = [
        f"{name} {summary.versions[name]}" for name in SHOWN_VERSIONS if name in summary.versions
    ]
    commit = [f"commit {summary.commit[:10]}"] if summary.commit else []
    facts = [
        ("Data", f"{summary.data}{f' ({sizes})' if sizes else ''}"),
        ("Model", summary.model),
        (
            "Search",
            f"{counted(trials, 'trial')}{several}, {summary.budget}, {duration(seconds)}",
        ),
        ("Date", _date(best)),
        ("Versions", ", ".join([*versions, *commit])),
        ("Machine", summary.machine or ""),
    ]
    return [(name, value) for name, value in facts if value]


def _rows(summary: Summary) -> Mapping[str, int]:
    if summary.rows:
        return summary.rows
    sizes = {"validation": summary.validation_size, "test": summary.test_size}
    return {split: size for split, size in sizes.items() if size}


def _date(best: Search) -> str:
    """When the last epoch ended; empty where it is not recorded."""
    if "ended" not in best.epochs:
        return ""
    last = pandas.to_numeric(best.epochs["ended"], errors="coerce").max()
    return "" if pandas.isna(last) else f"{datetime.fromtimestamp(last, UTC):%Y-%m-%d %H:%M} UTC"
