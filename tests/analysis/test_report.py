"""The report as a whole."""

import json
from pathlib import Path

import pandas
import pytest

from analysis import report
from analysis.evidence import Evidence
from analysis.page.blocks import Answer, Details, Table
from analysis.page.html import SCRIPT
from analysis.read.folder import read_searches
from analysis.sections import sections
from analysis.tables import tables
from tests.analysis.folders import write_searches
from tests.analysis.searches import (
    TRIALS,
    Page,
    report_error,
    summary,
    write_search,
)


def test_report_of_several_searches(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_search(tmp_path / "one", outcome=summary())
    write_search(tmp_path / "two", outcome=summary("llrd"), regime="llrd")
    (tmp_path / "mlartifacts").mkdir()
    (tmp_path / "mlflow.db").write_bytes(b"\0")
    assert report.main([str(tmp_path)]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    page = Page(text)
    assert [tag for tag, _ in page.tags].count("svg") == 11
    assert "(n=2, df=2)" in page.text and "loss is not finite" in page.text
    assert "prefers-color-scheme: dark" in text and "://" not in text.replace(
        "http://www.w3.org/1999/xlink", ""
    )
    assert (
        not {"link", "img", "iframe"} & {tag for tag, _ in page.tags}
        and text.count("<script") == text.count(SCRIPT) == 1
    )
    assert "| llrd | 81.2 |" in (tmp_path / "report.md").read_text()
    assert list(pandas.read_csv(tmp_path / "report_comparison.csv")["regime"]) == [
        "baseline",
        "llrd",
    ]
    trials = pandas.read_csv(tmp_path / "report_trials.csv")
    assert (
        list(trials["search"]) == ["one"] * 4 + ["two"] * 4
        and list(trials["best_so_far"].dropna()) == [0.85, 0.9] * 2
    )
    first = text
    report.report(tmp_path)
    assert (tmp_path / "report.html").read_text() == first


@pytest.mark.parametrize("finished", [True, False])
def test_searches_of_failed_trials_of_one_trial_and_of_none(tmp_path: Path, finished: bool) -> None:
    nothing = summary(
        best_trial=None,
        winner_trial=None,
        best_validation_accuracy=None,
        paper_config_validation_accuracy=None,
        confirmed_accuracy=[],
        test=[],
    )
    failed = [
        row | {"state": "FAIL", "best_validation_accuracy": None, "epochs": 0} for row in TRIALS
    ]
    for name, trials in {"failed": failed, "none": []}.items():
        page = Page(
            report.report(
                write_search(tmp_path / name, trials, nothing if finished else None)
            ).read_text()
        )
        assert "No trial completed" in page.text and "svg" not in {tag for tag, _ in page.tags}
    one, ended = [TRIALS[0] | {"epochs": 1}], summary(best_trial=0, winner_trial=0)
    page = Page(
        report.report(write_search(tmp_path / "one", one, ended if finished else None)).read_text()
    )
    assert (
        "The winner is trial 0" if finished else "The best trial so far is trial 0"
    ) in page.text and [tag for tag, _ in page.tags].count("svg") == finished


def test_everything_from_the_files_is_escaped(tmp_path: Path) -> None:
    bad = '<script>alert("1")</script>'
    trials = [
        row
        | {
            "reason": bad,
            "config.head_width": f"{bad}{row['number']}",
            f"config.{bad}": row["number"],
        }
        for row in TRIALS
    ]
    result = summary(
        bad, name=bad, data=bad, model=bad, encoder_is_papers=False, comparable=False, why_not=bad
    )
    folder = write_search(
        tmp_path / "one", trials, result, regime=bad, name=bad, data=bad, model=bad
    )
    epochs = (folder / "epochs.csv").read_text().replace("fine-tune", "<script>$\\frac")
    (folder / "epochs.csv").write_text(epochs)
    text = report.report(folder).read_text()
    assert text.count("<script") == text.count(SCRIPT) == 1 and "&lt;script&gt;alert" in text
    assert "<script" not in (folder / "report.md").read_text()


def test_out_names_the_page_and_the_files_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_search(tmp_path / "one", outcome=summary())
    assert report.main([str(folder), "--out", str(tmp_path / "new" / "page.html")]) == 0
    written = {path.name for path in (tmp_path / "new").iterdir()}
    assert {
        "page.html",
        "page.md",
        "page_figures",
        "page_comparison.csv",
        "page_trials.csv",
    } <= written
    assert all(name.startswith("page") for name in written)
    assert not (folder / "report.html").exists()
    capsys.readouterr()
    assert "ends in .html" in report_error(
        [str(folder), "--out", str(tmp_path / "page.md")], capsys
    )
    (tmp_path / "file").write_text("")
    report_error([str(folder), "--out", str(tmp_path / "file" / "page.html")], capsys)


@pytest.mark.parametrize("name", ["thesis.html", "thesis.md", "thesis_trials.csv"])
def test_out_replaces_an_earlier_report_and_no_other_file(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = write_search(tmp_path / "one", outcome=summary()), tmp_path / "thesis.html"
    (tmp_path / name).write_text("three years")
    said = report_error([str(folder), "--out", str(out)], capsys)
    assert f"{name}' exists and was not written by a report; name another page with --out" in said
    assert {path.name for path in tmp_path.iterdir()} == {"one", name}
    assert (tmp_path / name).read_text() == "three years"
    (tmp_path / name).unlink()
    for _ in range(2):
        assert report.main([str(folder), "--out", str(out)]) == 0


@pytest.mark.parametrize("name", ["report.html", "report.md", "report_trials.csv"])
def test_a_folder_of_searches_keeps_the_users_own_report(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The folder is the user's, who may write there too."""
    write_search(tmp_path / "one", outcome=summary())
    (tmp_path / name).write_text("three years")
    assert f"{name}' exists and was not written by" in report_error([str(tmp_path)], capsys)
    assert (tmp_path / name).read_text() == "three years"
    assert {path.name for path in tmp_path.iterdir()} == {"one", name}
    (tmp_path / name).unlink()
    for _ in range(2):
        assert report.main([str(tmp_path)]) == 0
        (tmp_path / "report.html").unlink()  # The rest is known as its own by report.md.


def test_a_search_by_macro_f1_is_reported_by_it_and_beside_others_by_accuracy(
    tmp_path: Path,
) -> None:
    """Trial 0 has the higher macro-F1, trial 2 the higher accuracy."""
    by_accuracy = write_search(tmp_path / "one", outcome=summary())
    by_macro_f1 = write_search(
        tmp_path / "two",
        outcome=summary(
            "supcon", metric="macro_f1", best_trial=0, winner_trial=0, comparable=False
        ),
        regime="supcon",
        metric="macro_f1",
    )
    alone = report.report(by_macro_f1).with_suffix(".md").read_text()
    assert (
        "supcon was chosen with trial 0, its defaults: 86.0 ±" in alone
        and "% macro-F1 on test" in alone
    )
    assert "Accuracy on" not in alone and "ranked by their best macro-F1 on" in alone
    ranked = pandas.read_csv(by_macro_f1 / "report_budget.csv")["expected"].max()
    assert ranked == pytest.approx(0.84)
    together = report.report(tmp_path).with_suffix(".md").read_text()
    assert "All searches are compared by accuracy here. supcon chose by macro-F1" in together
    assert "Macro-F1 on" not in together and "Accuracy on test: 89.0" in together
    assert "macro-F1" not in report.report(by_accuracy).with_suffix(".md").read_text().replace(
        "| macro-F1 |", ""
    )


def test_an_unfinished_search_by_macro_f1_is_ranked_by_it(tmp_path: Path) -> None:
    folder = write_search(tmp_path / "one", metric="macro_f1")
    text = report.report(folder).with_suffix(".md").read_text()
    assert "84.0 % macro-F1 on validation, not confirmed" in text
    (folder / "spec.json").write_text((folder / "spec.json").read_text().replace("macro_f1", "f1"))
    with pytest.raises(ValueError, match=r"spec\.json' is damaged: 'metric' is 'f1'"):
        report.report(folder)


def test_the_folded_searches_are_sorted_by_score(tmp_path: Path) -> None:
    searches = read_searches(write_searches(tmp_path, regimes=5, trials=6, epochs=3))
    evidence = Evidence([search.summary for search in searches])
    (last,) = (one for one in sections(searches, evidence) if one.title == "Searches")
    titles = [block.title for block in last.blocks if isinstance(block, Details)]
    scores = {search.summary.regime: search.summary.selection_score for search in searches}
    assert titles == sorted(scores, key=lambda regime: -scores[regime])


def test_searches_on_other_data_are_named_and_not_compared(tmp_path: Path) -> None:
    """The report is about the data of the newest search, however good those on others are."""
    for name, data, choice, ended in (("old", "easy", 0.99, 1e9), ("new", "hard", 0.5, 2e9)):
        outcome = summary(name=name, data=data, data_fingerprint=data, choice_accuracy=choice)
        folder = write_search(tmp_path / name, outcome=outcome)
        epochs = pandas.read_csv(folder / "epochs.csv")
        epochs.assign(ended=ended).to_csv(folder / "epochs.csv", index=False)
    searches = read_searches(tmp_path)
    found = sections(searches, Evidence([search.summary for search in searches]))
    assert [section.title for section in found] == [
        *("Answer", "Data", "Comparison", "The search", "Other data", "Paper")
    ]
    (answer,) = found[0].blocks
    assert isinstance(answer, Answer) and answer.headline.startswith("baseline ")
    (others,) = found[4].blocks
    assert isinstance(others, Table)
    assert list(others.frame.iloc[0]) == ["old", "easy", "99.0 %", "old/report.html"]
    csv = tables(searches, Evidence([search.summary for search in searches]))
    assert csv["duels"].empty and len(csv["comparison"]) == 2


def test_an_unfinished_search_has_the_data_of_those_beside_it(tmp_path: Path) -> None:
    """A part of a data set is another, also before there is a summary that says so."""
    write_search(tmp_path / "done", outcome=summary(data="massive (--limit 500)"))
    running = write_search(tmp_path / "running", TRIALS)
    spec = json.loads((running / "spec.json").read_text())
    (running / "spec.json").write_text(json.dumps({**spec, "limit": 500}))
    searches = read_searches(tmp_path)
    assert {search.summary.data for search in searches} == {"massive (--limit 500)"}
    found = sections(searches, Evidence([search.summary for search in searches]))
    assert "Other data" not in [section.title for section in found]
