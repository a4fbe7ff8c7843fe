"""What the report says about all searches together."""

from pathlib import Path

import pandas

from analysis import report
from tests.analysis.searches import (
    Page,
    summary,
    write_search,
)


def test_the_report_names_the_best_search_and_its_significance(tmp_path: Path) -> None:
    """With two seeds, 4 points are within noise and 40 are not; one seed has no interval."""
    for name, other in {"near": [0.85, 0.93], "far": [0.45, 0.451], "one": [0.95]}.items():
        write_search(
            tmp_path / name / "one",
            outcome=summary(confirmed_accuracy=[0.80, 0.90] if name == "near" else [0.85, 0.851]),
        )
        write_search(
            tmp_path / name / "two",
            outcome=summary("llrd", confirmed_accuracy=other),
            regime="llrd",
        )
    stated = {
        name: Page(report.report(tmp_path / name).read_text()).text
        for name in ("near", "far", "one")
    }
    assert (
        "Highest mean on validation: llrd, 89.0 ± 50.8 % (n=2), 4.0 points above baseline"
        in stated["near"]
    )
    assert "is -24.9 to +32.9 points, so these runs cannot tell which is better." in stated["near"]
    assert ": baseline is better on these sentences." in stated["far"]
    assert (
        "they cannot tell which is better." in stated["one"]
        and "better on these" not in stated["one"]
    )
    assert (
        "the row's mean test accuracy" not in stated["near"]
        and "The row's mean test accuracy" in stated["near"]
    )
    assert "probability" not in "".join(stated.values())
    assert pandas.read_csv(tmp_path / "near" / "report_duels.csv")["difference"].tolist() == [
        0.0,
        0.0,
    ]


def test_copies_of_a_search_are_labelled_by_folder(tmp_path: Path) -> None:
    """A folder and two copies, one of them with another accuracy."""
    for folder, accuracy in {"first": 0.88, "copy": 0.88, "other": 0.93}.items():
        result = summary(name="same", confirmed_accuracy=[accuracy, accuracy + 0.01])
        write_search(tmp_path / folder, outcome=result, name="same")
    page = Page(report.report(tmp_path).read_text())
    assert "Highest mean on validation: baseline (other), 93.5" in page.text
    compared = (tmp_path / "report.md").read_text()
    assert all(
        compared.count(f"| baseline ({folder}) | 84.9 |") == 1
        for folder in ("first", "copy", "other")
    )
    assert list(pandas.read_csv(tmp_path / "report_trials.csv")["search"].unique()) == [
        "copy",
        "first",
        "other",
    ]
    assert len(pandas.read_csv(tmp_path / "report_duels.csv")) == 6
