"""What the report says about all searches together."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from analysis import report
from analysis.comparison import section, table
from analysis.evidence import Evidence
from analysis.page.blocks import Details, Paragraph, Table
from analysis.read.folder import read_searches
from analysis.read.summary import Summary
from tests.analysis.searches import (
    Page,
    summary,
    write_search,
)


def write_two(folder: Path, ours: list[float], theirs: list[float], **changes: Any) -> None:
    """Two searches with these report runs, on validation only."""
    changes = {"test": [], **changes}
    one = summary(
        name="one", confirmed_accuracy=ours, best_validation_accuracy=max(ours), **changes
    )
    write_search(folder / "one", outcome=one)
    write_search(
        folder / "two",
        outcome=summary(
            "llrd",
            name="two",
            confirmed_accuracy=theirs,
            best_validation_accuracy=max(theirs),
            **changes,
        ),
        regime="llrd",
    )


def stated(folder: Path, ours: list[float], theirs: list[float], **changes: Any) -> str:
    """What the report says about two searches with these report runs."""
    write_two(folder, ours, theirs, **changes)
    searches = {search.summary.regime: search for search in read_searches(folder)}
    evidence = Evidence([search.summary for search in searches.values()])
    blocks = section.blocks(searches, evidence)
    blocks += [inner for block in blocks if isinstance(block, Details) for inner in block.blocks]
    paragraphs = [block.text for block in blocks if isinstance(block, Paragraph)]
    captions = [block.caption for block in blocks if isinstance(block, Table)]
    return "\n".join(paragraphs + captions)


def test_a_clear_winner_is_named(tmp_path: Path) -> None:
    text = stated(tmp_path, [0.85, 0.851], [0.45, 0.451])
    assert "baseline is better on these sentences, and on new ones too." in text
    assert "--report-seeds" not in text


def test_a_difference_within_noise_says_what_would_settle_it(tmp_path: Path) -> None:
    text = stated(tmp_path, [0.88, 0.89], [0.885, 0.895])
    assert re.search(
        r"llrd. On validation it has 89.0 ± \d\.\d % \(n=2, df=2\), 0.5 points above baseline", text
    )
    assert (
        "These runs cannot show which one is better. If the difference on validation is as large"
        in text
    )
    (seeds,) = set(re.findall(r"--resume (?:one|two) --report-seeds (\d+)", text))
    assert f"about {seeds} report seeds each" in text and int(seeds) > 2
    assert "probability" not in text


def test_what_would_settle_it_is_about_the_answers_split(tmp_path: Path) -> None:
    """On test, both have the same runs, so no number of seeds tells them apart."""
    text = stated(tmp_path, [0.88, 0.89], [0.885, 0.895], test=summary()["test"])
    assert (
        "Chosen on validation: llrd. On test it has 89.0" in text
        and "The row's mean test accuracy" in text
    )
    assert (
        "Up to 1000 report seeds each would not show a difference as small as this one on" in text
    )
    assert "on test: it is at most " in text


@pytest.mark.parametrize("moved", [False, True])
def test_commands_name_folder_cluster_and_store_and_one_number_of_seeds(
    moved: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder as the user gave it, or where it is now."""
    monkeypatch.chdir(tmp_path)
    results = tmp_path / ("elsewhere" if moved else "runs")
    write_two(results, [0.88, 0.89], [0.885, 0.895])
    given = {"results": "runs", "address": "10.0.0.1:6379", "tracking_uri": "http://mlflow:5000"}
    given["accelerator_type"] = "T4"
    for name in ("one", "two"):
        spec = results / name / "spec.json"
        spec.write_text(json.dumps(json.loads(spec.read_text()) | given))
    text = report.report(results).with_suffix(".md").read_text()
    folder = str(results) if moved else "runs"
    where = f"--results {re.escape(folder)} --address 10.0.0.1:6379"
    resume = r"search.run --resume (?:one|two) --report-seeds"
    counts = re.findall(rf"{resume} (\d+) {where}", text)
    assert len(counts) == text.count("--report-seeds ") == 6 and len(set(counts)) == 1
    train = (
        rf"search.train best.yaml --seeds 5 --out model {where}"
        " --accelerator-type T4 --tracking-uri http://mlflow:5000"
    )
    assert re.search(train, text)
    assert re.search(rf"search.export two --results {re.escape(folder)} --out best.yaml", text)


def test_floors_are_beneath_the_searches_the_best_first(tmp_path: Path) -> None:
    floors = [
        {
            "regime": regime,
            "chosen": "",
            "validation_accuracy": accuracy,
            "validation_loss": 1.0,
            "seconds": 1.0,
        }
        for regime, accuracy in (("majority", 0.02), ("tfidf", 0.65), ("probe", 0.8))
    ]
    write_two(tmp_path, [0.85], [0.75], floors=floors)
    searches = {search.summary.regime: search for search in read_searches(tmp_path)}
    evidence = Evidence([search.summary for search in searches.values()])
    (shown,) = (one for one in section.blocks(searches, evidence) if isinstance(one, Table))
    names = ["baseline", "llrd", *(f"{name} (floor)" for name in ("probe", "tfidf", "majority"))]
    assert list(shown.frame["regime"]) == names


def test_equal_searches_are_called_equal(tmp_path: Path) -> None:
    text = stated(tmp_path, [0.88, 0.89], [0.89, 0.88])
    assert "equal to" in text and "These runs cannot show which one is better. Up to 1000" in text


def test_a_single_seed_rests_on_the_spread_of_others(tmp_path: Path) -> None:
    text = stated(tmp_path, [0.85, 0.851], [0.95])
    assert re.search(
        r"llrd. On validation it has 95.0 ± \d\.\d % \(n=1, df=1\), 9.9 points above", text
    )


def test_a_difference_that_only_this_test_set_shows_is_named_so(tmp_path: Path) -> None:
    """Many seeds separate two recipes on 2,033 sentences by less than new sentences would."""
    generator = np.random.default_rng(0)
    ours, theirs = (list(mean + 0.001 * generator.standard_normal(6)) for mean in (0.890, 0.885))
    text = stated(tmp_path, ours, theirs)
    assert "baseline is better on these sentences. On new sentences this is not shown." in text


def test_one_search_uses_the_spread_of_those_beside_it(tmp_path: Path) -> None:
    write_two(tmp_path, [0.88, 0.89], [0.885, 0.895])
    alone = Page(report.report(tmp_path / "one").read_text()).text
    assert re.search(
        r"baseline. On validation it has 88.5 ± \d\.\d % \(n=2, df=2\). It is the only search",
        alone,
    )


def test_copies_of_a_search_are_labelled_by_folder(tmp_path: Path) -> None:
    """A folder and two copies, one of them with another accuracy."""
    for folder, accuracy in {"first": 0.88, "copy": 0.88, "other": 0.93}.items():
        scores = [accuracy, accuracy + 0.01]
        result = summary(name="same", confirmed_accuracy=scores, test=[])
        result["best_validation_accuracy"] = accuracy
        write_search(tmp_path / folder, outcome=result, name="same")
    page = Page(report.report(tmp_path).read_text())
    assert "Chosen on validation: baseline (other). On validation it has 93.5" in page.text
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


@pytest.mark.parametrize(
    ("changes", "papers"),
    [({}, True), ({"encoder_is_papers": False}, False), ({"comparable": False}, False)],
)
def test_the_paper_is_there_for_its_data_and_its_encoder_only(
    changes: dict[str, Any], papers: bool, tmp_path: Path
) -> None:
    """In the report and in the table that the search writes."""
    outcome = summary("supcon", why_not="other data", **changes)
    write_search(tmp_path / "one", outcome=outcome, regime="supcon")
    page = Page(report.report(tmp_path / "one").read_text()).text
    for text in (page, table.note([Summary.from_dict(outcome)])):
        assert ("trial 0 val" in text) is ("loss (paper's definition)" in text) is papers
    assert ("How the paper is read" in page) is papers
