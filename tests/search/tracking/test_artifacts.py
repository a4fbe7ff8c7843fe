"""MLflow gets the files that a search writes, and no other from its folder."""

from pathlib import Path

import pytest

from analysis.page.blocks import Drawing, Figures, Section
from analysis.page.files import write_figures
from search.tracking.artifacts import files
from tests.processes import Searched

OURS = ("trials.csv", "summary.json", "table.md", "best.yaml", "report.html", "report_duels.csv")
USERS = ("notes.md", "salaries.csv", "token.json", "mine.yaml", "page.html", "report_mine.csv")


def test_a_users_own_files_are_not_uploaded(tmp_path: Path) -> None:
    for name in (*OURS, *USERS):
        (tmp_path / name).write_text(name)
    figures = tmp_path / "report_figures"
    write_figures(figures, [Section("One", (Figures((Drawing("A curve", "", "<svg ></svg>"),)),))])
    (figures / "mine.svg").write_text("<svg></svg>")
    (tmp_path / "epochs.csv").mkdir()
    assert {path.name for path in files(tmp_path)} == {*OURS, "0-01-a-curve.svg"}


@pytest.mark.slow
def test_every_file_of_a_search_is_uploaded_but_its_journal(searched: Searched) -> None:
    written = {path for path in searched.folder.rglob("*") if path.is_file()}
    kept = {path.name for path in written - set(files(searched.folder))}
    assert kept == {".lock", "study.journal"}
