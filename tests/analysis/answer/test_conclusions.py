"""What the first screen lets one conclude, from prepared folders: a clear winner, two equal
recipes, a lucky search, leaked rows, and too few sentences."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.answer.next_commands import MAX_SUGGESTED_SEEDS
from analysis.page.blocks import Answer
from analysis.read.correct import COLUMNS, to_hex
from tests.analysis.answer.first_screen import answer, facts
from tests.analysis.folders import write_problems
from tests.analysis.searches import summary, write_csv, write_search

SEEDS = (1000, 1001, 1002, 1003)


def write(
    folder: Path,
    regime: str,
    chosen: float,
    on_test: list[float],
    sentences: int = 2000,
    **changes: Any,
) -> None:
    """A search with this score, and report runs on test and on as many validation sentences."""
    test = [
        {"seed": seed, "test_accuracy": score, "test_loss": 1.0 + seed, "test_loss_paper": 1.0}
        for seed, score in zip(SEEDS, on_test)
    ]
    outcome = summary(
        regime,
        name=regime,
        choice_accuracy=chosen,
        best_validation_accuracy=chosen,
        confirmed_accuracy=on_test,
        confirmed_seeds=list(SEEDS),
        test=test,
        test_size=sentences,
        validation_size=sentences,
        **changes,
    )
    write_search(folder / regime, outcome=outcome, regime=regime)


def warned(shown: Answer, words: str) -> bool:
    return any(words in warning for warning in shown.warnings)


def test_a_clear_winner(tmp_path: Path) -> None:
    write(tmp_path, "baseline", 0.80, [0.80, 0.803, 0.798, 0.801])
    write(tmp_path, "llrd", 0.90, [0.90, 0.902, 0.898, 0.901])
    shown = answer(tmp_path)
    assert shown.headline.startswith("llrd wins with trial 2: 90.0 ")
    assert shown.verdict == (
        "On these test sentences, llrd is significantly better than the other."
        " The same holds on new sentences."
    )
    (runner_up,) = (fact for fact in shown.facts if fact.question == "Over baseline")
    assert runner_up.note == "the runner-up, on test: significant"
    assert not warned(shown, "sentences: on new ones")


def test_two_equal_recipes(tmp_path: Path) -> None:
    write(tmp_path, "baseline", 0.895, [0.900, 0.893, 0.897, 0.894])
    write(tmp_path, "llrd", 0.900, [0.896, 0.899, 0.890, 0.893])
    shown = answer(tmp_path)
    assert shown.headline.startswith("llrd was chosen with trial 2")
    assert shown.verdict.startswith(
        "On these test sentences, llrd does not differ significantly from baseline."
        " If the difference to baseline is as large as it seems, about "
    )
    (runner_up,) = (fact for fact in shown.facts if fact.question == "Below baseline")
    assert runner_up.note == "the runner-up, on test: no significant difference"
    seeds = shown.verdict.partition(" seems, about ")[2].partition(" ")[0]
    assert int(seeds) > MAX_SUGGESTED_SEEDS
    assert "# to settle who is better:" not in shown.codes[1].lines


def test_two_recipes_that_a_few_seeds_would_tell_apart(tmp_path: Path) -> None:
    write(tmp_path, "baseline", 0.895, [0.900, 0.889, 0.897, 0.894])
    write(tmp_path, "llrd", 0.900, [0.906, 0.894, 0.897, 0.901])
    _, commands = answer(tmp_path).codes
    place = commands.lines.index("# to settle who is better:")
    for regime, line in zip(("llrd", "baseline"), commands.lines[place + 1 :], strict=True):
        resume = rf"python -m search.run --resume {regime} --report-seeds (\d+) .*"
        seeds = re.fullmatch(resume, line)
        assert seeds is not None and 4 < int(seeds[1]) <= MAX_SUGGESTED_SEEDS


def test_a_search_whose_score_was_luck(tmp_path: Path) -> None:
    """The other is better on fresh seeds, which chose nothing and choose nothing now."""
    write(tmp_path, "baseline", 0.890, [0.890, 0.892, 0.888, 0.891])
    write(tmp_path, "supcon", 0.920, [0.850, 0.853, 0.848, 0.851])
    shown = answer(tmp_path)
    assert shown.headline.startswith("supcon was chosen with trial 2: 85.0 ")
    assert shown.verdict.startswith(
        "On these test sentences baseline is significantly better. supcon was chosen by its score"
    )
    assert facts(shown)["In the search"] == "92.0 %"
    (luck, runner_up) = (
        fact.note for fact in shown.facts if fact.question in ("In the search", "Below baseline")
    )
    assert luck.endswith("7.0 points lower on fresh seeds")
    assert runner_up == "the runner-up, on test: significant"


@pytest.mark.parametrize(
    ("share", "effect"), [(0.8, "the score on test is "), (1.0, "no score changes by 0.1 points.")]
)
def test_leaked_rows(share: float, effect: str, tmp_path: Path) -> None:
    """Of 480 rows of each split, those in train are right in every run, of the others a share."""
    sentences, generator = 480, np.random.default_rng(0)
    right = generator.random((len(SEEDS), sentences)) < share
    write(tmp_path, "baseline", 0.8, right.mean(axis=1).tolist(), sentences)
    folder = tmp_path / "baseline"
    write_problems(folder)
    rows = [
        dict(zip(COLUMNS, ("report", 2, seed, split, sentences, to_hex(bits))))
        for seed, bits in zip(SEEDS, right)
        for split in ("validation", "test")
    ]
    write_csv(folder / "correct.csv", list(COLUMNS), rows)
    shown = answer(tmp_path)
    (warning,) = (text for text in shown.warnings if text.startswith("Data: "))
    assert "rows are in train too" in warning
    assert f"Without the rows that are in train, {effect}" in warning


@pytest.mark.parametrize("sentences", [40, 200, 5000])
def test_too_few_sentences(sentences: int, tmp_path: Path) -> None:
    scores = [0.85, 0.85, 0.875, 0.85]
    write(tmp_path, "baseline", 0.85, scores, sentences)
    shown = answer(tmp_path)
    few = warned(shown, f"Only {sentences} test sentences: on new ones the score is uncertain by ")
    assert few is (sentences < 5000)
    if sentences == 40:
        assert warned(shown, "the sampling error down to ± 3 points; more seeds would not.")


def test_a_wide_spread_over_seeds_is_not_blamed_on_the_sentences(tmp_path: Path) -> None:
    write(tmp_path, "baseline", 0.85, [0.70, 0.85, 0.95, 0.80], 5000)
    assert not warned(answer(tmp_path), "Only 5000 test sentences")
