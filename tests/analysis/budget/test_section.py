"""What the report says about budgets."""

from pathlib import Path

import pandas
import pytest

from analysis import report
from tests.analysis.searches import (
    Page,
    summary,
    write_search,
)


def test_report_says_what_budget_and_pruning_did(tmp_path: Path) -> None:
    write_search(tmp_path / "a", outcome=summary(name="a"))
    write_search(tmp_path / "b", outcome=summary("supcon", name="b$x_1$"), regime="supcon")
    page = Page(report.report(tmp_path).read_text())
    assert (
        "1 of 3 trials were pruned. They trained 7 epochs instead of 9, which saved 0 % of the"
        " time." in page.text
    )
    assert (
        "baseline found 90.0 % with 4 trials, and half of them would have found 80.0 %;"
        in page.text
    )
    assert page.text.count("The best validation accuracy to expect of n of the trials") == 1
    table = pandas.read_csv(tmp_path / "report_budget.csv")
    assert list(table.groupby("search").size()) == [4, 4] and table["expected"].iloc[
        0
    ] == pytest.approx(0.5375)


def test_the_time_of_a_short_search_is_not_zero(tmp_path: Path) -> None:
    folder = write_search(tmp_path / "one", outcome=summary(seconds=12.0))
    report.report(folder)
    assert (
        "| baseline | 4 | 7 | 12s | 6s | 0s |" in (folder / "report.md").read_text()
    )  # four trials of 1.5 s
