"""data_problems.csv: what a search found in its data."""

from pathlib import Path

import pandas

from analysis.read.files import as_written, check_whole_numbers, read_csv

TEXTS = ("problem", "split", "text", "label", "other_split", "other_text", "other_label")


def read_problems(path: Path) -> pandas.DataFrame | None:
    """A row per problem; None if the file does not exist, as in folders of earlier versions.

    `problem` is `leak`, `conflict`, `near` or `doubt`. Raises ValueError for a damaged file.
    """
    if not path.exists():
        return None
    problems = read_csv(
        path, ("row", "probability", "other_row", "other_probability"), TEXTS, required=True
    )
    check_whole_numbers(path, problems, "row")
    # Earlier versions have no such column.
    given = problems.get("similarity", pandas.Series(index=problems.index, dtype=float))
    problems["similarity"] = pandas.to_numeric(given, errors="coerce")
    return as_written(problems, *TEXTS)


def problem(problems: pandas.DataFrame | None, kind: str) -> pandas.DataFrame:
    """The problems of one kind; empty where they were not looked for."""
    if problems is None:
        return pandas.DataFrame(columns=["problem", "split", "row"])
    return problems[problems["problem"] == kind]


def leaked_rows(problems: pandas.DataFrame | None, split: str) -> list[int]:
    """The rows of a split that are in train too."""
    leaks = problem(problems, "leak")
    return sorted({int(row) for row in leaks[leaks["split"] == split]["row"]})
