"""data_problems.csv: what a search found in its data."""

from pathlib import Path

import pandas

from analysis.read.files import check_whole_numbers, read_csv

TEXTS = ("problem", "split", "text", "label", "other_split", "other_text", "other_label")


def read_problems(path: Path) -> pandas.DataFrame | None:
    """A row per problem; None if the file does not exist, as in folders of earlier versions.

    `problem` is `leak`, `conflict` or `doubt`. Raises ValueError for a damaged file.
    """
    if not path.exists():
        return None
    problems = read_csv(
        path, ("row", "probability", "other_row", "other_probability"), TEXTS, required=True
    )
    check_whole_numbers(path, problems, "row")
    return problems.fillna(dict.fromkeys(TEXTS, ""))
