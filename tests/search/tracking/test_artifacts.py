"""Where a search's files go among MLflow's artifacts."""

from pathlib import Path

import pytest

from search.tracking.artifacts import NEWEST, layout, place

FILES = ("report.html", "1-figure.svg", "trials.csv", "table.md", "report.md", "best.yaml")


def test_the_report_is_the_first_by_name() -> None:
    assert layout({"regimen.search": "x"}) == NEWEST
    found = [(place(Path(name), NEWEST) or name, name) for name in (*FILES, "spec.json")]
    assert sorted(found)[0] == ("report.html", "report.html")


@pytest.mark.parametrize(
    ("tag", "folders"),
    [
        ("regimen.artifacts", [None, "figures", None, None, None, None]),
        (
            "regimen.artifacts_digest",
            [None, "figures", "tables", "tables", "search", "recipe"],
        ),
    ],
)
def test_a_run_of_an_earlier_version_keeps_its_folders(tag: str, folders: list[str | None]) -> None:
    own = layout({"regimen.search": "x", tag: "0123"})
    assert [place(Path(name), own) for name in FILES] == folders
