"""predictions.csv: what the winner predicted for each validation sentence."""

from pathlib import Path

import pandas

from analysis.read.files import as_written, check_whole_numbers, read_csv


def read_predictions(path: Path) -> pandas.DataFrame:
    """A row per sentence and seed; empty if the file does not exist.

    Columns: `seed`, `row` (index of the sentence), `text`, `label`, `predicted` and `confidence`
    (probability of the predicted label). Raises ValueError for a damaged file.
    """
    predictions = read_csv(
        path, ("seed", "row", "confidence"), ("text", "label", "predicted"), required=False
    )
    check_whole_numbers(path, predictions, "seed", "row")
    if not predictions["confidence"].between(0, 1).all():
        raise ValueError(
            f"'{path}' is damaged: column 'confidence' has a row that is not from 0 to 1"
        )
    return as_written(predictions, "text", "label", "predicted")
