"""What the report says about all searches together."""

import re
from pathlib import Path

import numpy as np
import pandas

from analysis import report
from analysis.comparison import section
from analysis.evidence import Evidence
from analysis.page.blocks import Details, Paragraph, Table
from analysis.read.folder import read_searches
from tests.analysis.searches import (
    Page,
    summary,
    write_search,
)


def write_two(folder: Path, ours: list[float], theirs: list[float]) -> None:
    """Two searches with these report runs."""
    one = summary(name="one", confirmed_accuracy=ours, best_validation_accuracy=max(ours))
    write_search(folder / "one", outcome=one)
    write_search(
        folder / "two",
        outcome=summary(
            "llrd", name="two", confirmed_accuracy=theirs, best_validation_accuracy=max(theirs)
        ),
        regime="llrd",
    )


def stated(folder: Path, ours: list[float], theirs: list[float]) -> str:
    """What the report says about two searches with these report runs."""
    write_two(folder, ours, theirs)
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
    assert "The row's mean test accuracy" in text


def test_a_difference_within_noise_says_what_would_settle_it(tmp_path: Path) -> None:
    text = stated(tmp_path, [0.88, 0.89], [0.885, 0.895])
    assert re.search(r"llrd, 89.0 ± \d\.\d % \(n=2, df=2\), 0.5 points above baseline", text)
    assert "These runs cannot tell which is better. If it is as large as it seems, about" in text
    (seeds,) = set(re.findall(r"--resume (?:one|two) --report-seeds (\d+)", text))
    assert f"about {seeds} report seeds each" in text and int(seeds) > 2
    assert "probability" not in text


def test_equal_searches_are_called_equal(tmp_path: Path) -> None:
    text = stated(tmp_path, [0.88, 0.89], [0.89, 0.88])
    assert "equal to" in text and "they are equal for practical purposes" in text


def test_a_single_seed_rests_on_the_spread_of_others(tmp_path: Path) -> None:
    text = stated(tmp_path, [0.85, 0.851], [0.95])
    assert re.search(r"llrd, 95.0 ± \d\.\d % \(n=1, df=1\), 9.9 points above", text)


def test_a_difference_that_only_this_test_set_shows_is_named_so(tmp_path: Path) -> None:
    """Many seeds separate two recipes on 2,033 sentences by less than new sentences would."""
    generator = np.random.default_rng(0)
    ours, theirs = (list(mean + 0.001 * generator.standard_normal(6)) for mean in (0.890, 0.885))
    text = stated(tmp_path, ours, theirs)
    assert "baseline is better on these sentences. On new sentences that is not shown." in text


def test_one_search_uses_the_spread_of_those_beside_it(tmp_path: Path) -> None:
    write_two(tmp_path, [0.88, 0.89], [0.885, 0.895])
    alone = Page(report.report(tmp_path / "one").read_text()).text
    assert re.search(r"baseline, 88.5 ± \d\.\d % \(n=2, df=2\). It is the only search", alone)


def test_copies_of_a_search_are_labelled_by_folder(tmp_path: Path) -> None:
    """A folder and two copies, one of them with another accuracy."""
    for folder, accuracy in {"first": 0.88, "copy": 0.88, "other": 0.93}.items():
        result = summary(name="same", confirmed_accuracy=[accuracy, accuracy + 0.01])
        result["best_validation_accuracy"] = accuracy
        write_search(tmp_path / folder, outcome=result, name="same")
    page = Page(report.report(tmp_path).read_text())
    assert "The winner on validation: baseline (other), 93.5" in page.text
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
