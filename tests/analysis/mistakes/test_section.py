"""What the report says about the winner's mistakes."""

import re
from pathlib import Path
from typing import Any

import pandas
import pytest

from analysis import report
from analysis.mistakes import figures as mistake_figures
from analysis.mistakes import numbers as mistakes
from tests.analysis.searches import (
    LONG_LABELS,
    SIX_PREDICTIONS,
    Page,
    predictions,
    summary,
    write_search,
)


def test_no_two_classes_share_a_name_in_a_figure() -> None:
    result = predictions(
        (LONG_LABELS[0], LONG_LABELS[1], 0.9),
        (LONG_LABELS[1], LONG_LABELS[2], 0.9),
        (LONG_LABELS[2], LONG_LABELS[0], 0.9),
    )
    for svg in (
        mistake_figures.matrix(mistakes.matrix(result)),
        mistake_figures.classes(mistakes.classes(result)),
    ):
        texts = re.findall(r">([^<>]*…[^<>]*)<", svg)
        assert len(set(texts)) == 3 and all(re.search("…", label) for label in texts)


def with_predictions(folder: Path, result: pandas.DataFrame, **changes: Any) -> Path:
    write_search(folder, outcome=summary(**changes))
    result.to_csv(folder / "predictions.csv", index=False)
    return folder


def test_the_report_shows_the_winners_errors(tmp_path: Path) -> None:
    folder = with_predictions(tmp_path / "one", SIX_PREDICTIONS)
    page = Page(report.report(folder).read_text())
    assert (
        "Of 6 validation sentences 50.0 % were right, over 1 fresh seed." in page.text
        and "text 2; text 1" in page.text
    )
    old = Page(
        report.report(
            with_predictions(tmp_path / "old", SIX_PREDICTIONS, confirmed_runs_chose=True)
        ).read_text()
    )
    assert "50.0 % were right, over 1 seed that also chose the winner." in old.text
    error = (abs(0.9 - 1) + abs(0.6 - 0) + abs(0.8 - 0) + abs(0.7 - 0) + abs(0.3 - 1) + 0) / 6
    assert f"Expected calibration error: {100 * error:.1f} points" in page.text
    assert pandas.read_csv(folder / "report_confusions.csv")["count"].tolist() == [2, 1]
    assert pandas.read_csv(folder / "report_classes.csv")["sentences"].tolist() == [3, 2, 1]
    assert pandas.read_csv(folder / "report_calibration.csv")["n"].sum() == 6


def test_there_is_no_section_without_predictions(tmp_path: Path) -> None:
    page = Page(report.report(write_search(tmp_path / "one", outcome=summary())).read_text())
    assert "get wrong" not in page.text


@pytest.mark.parametrize(
    ("change", "stated"),
    [
        ({"confidence": 1.5}, "not from 0 to 1"),
        ({"confidence": "high"}, "column 'confidence'"),
        ({"row": 0.5}, "whole number"),
        ({"seed": None}, "whole number"),
    ],
)
def test_damaged_predictions_are_one_line(
    tmp_path: Path, change: dict[str, Any], stated: str
) -> None:
    folder = with_predictions(tmp_path / "one", SIX_PREDICTIONS.assign(**change))
    with pytest.raises(ValueError, match=stated):
        report.report(folder)
    (folder / "predictions.csv").write_text("seed,row\n1,2\n")
    with pytest.raises(ValueError, match="no column"):
        report.report(folder)
