"""Results folders that are incomplete or damaged."""

import json
from pathlib import Path

import pytest

from analysis import report
from analysis.read.folder import read_search
from tests.analysis.searches import (
    EPOCH_FIELDS,
    TRIALS,
    report_error,
    summary,
    write_search,
)


def test_search_without_tables_yet(tmp_path: Path) -> None:
    folder = write_search(tmp_path / "one")
    for name in ("trials.csv", "epochs.csv"):
        (folder / name).unlink()
    assert "No trial completed" in report.report(folder).read_text()


def test_no_results_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no folder" in report_error([str(tmp_path / "nowhere")], capsys)
    assert "no search" in report_error([str(tmp_path)], capsys)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("summary.json", '{"name": "on', "damaged"),
        ("summary.json", "[]", "not an object"),
        ("summary.json", "{}", "has no 'name'"),
        ("summary.json", json.dumps(summary(test=[{"seed": 1}])), "has no 'test_accuracy'"),
        (
            "summary.json",
            json.dumps(summary(confirmed_accuracy=["high"])),
            "'confirmed_accuracy' is 'high'",
        ),
        ("summary.json", json.dumps(summary(comparable=1)), "'comparable' is 1"),
        ("summary.json", json.dumps(summary(winner_trial=9)), "it lacks trial 9"),
        ("summary.json", json.dumps(summary(best_trial=9)), "it lacks trial 9"),
        ("spec.json", None, "has no spec.json"),
        ("spec.json", "\udcff", "damaged"),
        ("trials.csv", None, "has no trials.csv"),
        ("trials.csv", "", "damaged"),
        ("trials.csv", "number,state\n0,COMPLETE\n", "no column"),
        (
            "trials.csv",
            "number,state,reason,best_validation_accuracy,epochs,seconds\n0,COMP",
            "state must be one of",
        ),
        (
            "trials.csv",
            "number,state,reason,best_validation_accuracy,epochs,seconds\n0,COMPLETE,,high,,\n",
            "validation_accuracy",
        ),
        (
            "trials.csv",
            "number,state,reason,best_validation_accuracy,epochs,seconds\n0,COMPLETE,,,,\n",
            "no best_validation_accuracy",
        ),
        (
            "trials.csv",
            "number,state,reason,best_validation_accuracy,epochs,seconds\n0,FAIL,,,,\n0,FAIL,,,,\n",
            "twice",
        ),
        ("trials.csv", 'number,state\n"0,1\n2', "damaged"),
        (
            "epochs.csv",
            EPOCH_FIELDS.replace(" ", ",") + "\n0,0,search,one,fine-tune,,,,,,,,\n",
            "column 'epoch'",
        ),
        (
            "epochs.csv",
            EPOCH_FIELDS.replace(" ", ",") + "\n0,0,search,,fine-tune,,,,,,,,\n",
            "column 'epoch'",
        ),
    ],
)
def test_damaged_files_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, text: str | None, message: str
) -> None:
    folder = write_search(tmp_path / "one", outcome=summary())
    if text is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(text, errors="surrogateescape")
    assert message in report_error([str(tmp_path)], capsys)
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize("then", ["trials.csv", "epochs.csv", "space.json"])
def test_a_search_is_read_while_it_writes(
    then: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The summary comes last, and names a winner that the table of a moment ago did not have."""
    folder = write_search(tmp_path / "one", TRIALS[:2], summary(best_trial=0, winner_trial=0))
    later = write_search(tmp_path / "later", outcome=summary())
    plain = Path.exists

    def exists(path: Path) -> bool:
        if path == folder / then and plain(later / "summary.json"):
            for name in ("trials.csv", "epochs.csv", "summary.json"):
                (later / name).rename(folder / name)
        return plain(path)

    monkeypatch.setattr(Path, "exists", exists)
    search = read_search(folder)
    assert search.summary.winner_trial in set(search.trials["number"])
