"""Differences without leaked rows are those that a folder without these rows would have."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas
import pytest

from analysis.answer import section
from analysis.comparison.leaks import without_leaks
from analysis.comparison.pairwise import pairwise_table
from analysis.evidence import SCORED_SPLITS, Evidence
from analysis.page.blocks import Answer
from analysis.read.correct import Bits, Correct
from analysis.read.fewer_rows import without_rows
from analysis.read.folder import Search, read_search
from tests.analysis.searches import read_summary, summary, write_search

SENTENCES, RUNS = 400, 2
LEAKED = {"validation": [3, 8, 350], "test": list(range(60))}
FLOOR = {
    "regime": "tfidf",
    "chosen": "",
    "validation_loss": 1.0,
    "seconds": 1.0,
    "test_loss": 1.0,
    "test_loss_paper": 1.0,
}


def drawn(accuracy: float, seed: int, knows_leaks: bool = False) -> dict[str, Bits]:
    """Report runs by split; one that knows the leaked rows has them right."""
    random = np.random.default_rng(seed)
    bits = {split: random.random((RUNS, SENTENCES)) < accuracy for split in LEAKED}
    if knows_leaks:
        for split, rows in LEAKED.items():
            bits[split][:, rows] = True
    return bits


def kept(bits: dict[str, Bits]) -> dict[str, Bits]:
    return {split: np.delete(rows, LEAKED[split], axis=1) for split, rows in bits.items()}


def search_of(folder: Path, regime: str, bits: dict[str, Bits], floor: dict[str, Bits]) -> Search:
    """A search with these report runs, trial 0 and floor: their first row is that of the latter."""
    outcome = summary(
        regime,
        name=regime,
        confirmed_accuracy=bits["validation"].mean(axis=1).tolist(),
        paper_config_validation_accuracy=float(floor["validation"][0].mean()),
        test=[
            {**run, "test_accuracy": float(row.mean())}
            for run, row in zip(summary()["test"], bits["test"])
        ],
        test_size=bits["test"].shape[1],
        validation_size=bits["validation"].shape[1],
        choice_accuracy=0.9 if regime == "supcon" else 0.8,
        floors=[
            {**FLOOR, **{f"{split}_accuracy": float(floor[split][0].mean()) for split in floor}}
        ],
    )
    runs = {
        ("report", 2, seed, split): row
        for split, rows in bits.items()
        for seed, row in enumerate(rows, 1000)
    }
    runs |= {("tfidf", 0, 0, split): floor[split][0] for split in floor}
    runs |= {("search", 0, 0, "validation"): floor["validation"][0]}
    found = read_search(write_search(folder, outcome=outcome, regime=regime))
    problems = pandas.DataFrame(
        [
            {"problem": "leak", "split": split, "row": float(row)}
            for split, rows in LEAKED.items()
            for row in rows
        ]
    )
    return replace(found, correct=Correct(runs, 2), problems=problems)


def evidence_of(searches: dict[str, Search]) -> Evidence:
    return Evidence(
        [search.summary for search in searches.values()],
        {search.summary.name: search.correct for search in searches.values()},
    )


@pytest.fixture
def both(tmp_path: Path) -> tuple[dict[str, Search], dict[str, Search]]:
    """Two searches with leaked rows, and the same as they would be without these."""
    runs = {"supcon": drawn(0.8, 0, knows_leaks=True), "llrd": drawn(0.8, 1)}
    floor = drawn(0.7, 2)
    return (
        {name: search_of(tmp_path / name, name, bits, floor) for name, bits in runs.items()},
        {
            name: search_of(tmp_path / "kept" / name, name, kept(bits), kept(floor))
            for name, bits in runs.items()
        },
    )


def test_they_are_those_of_a_folder_that_never_had_the_rows(
    both: tuple[dict[str, Search], dict[str, Search]],
) -> None:
    leaky, clean = both
    found = without_leaks(leaky, evidence_of(leaky))
    assert found is not None and (found.winner, found.split) == ("supcon", "test")
    evidence = evidence_of(clean)
    summaries = {name: search.summary for name, search in clean.items()}
    pandas.testing.assert_frame_equal(
        found.pairs, pairwise_table(summaries, "test", evidence), check_like=True
    )
    best = summaries["supcon"]
    leads = {(lead.other, lead.split): lead for lead in found.leads}
    assert leads["llrd", "test"].without == evidence.difference(best, summaries["llrd"], "test")
    for split in SCORED_SPLITS:
        assert leads["the best floor", split].without == evidence.to_floor(best, split)
    assert leads["trial 0", "validation"].without == evidence.to_trial_0(best)


def test_a_lead_that_only_leaks_make_is_lost(
    both: tuple[dict[str, Search], dict[str, Search]],
) -> None:
    leaky, _ = both
    found = without_leaks(leaky, evidence_of(leaky))
    assert found is not None
    first = found.leads[0]
    assert (first.other, first.split) == ("llrd", "test")
    assert first.whole.value > 0 > first.without.value


def test_the_first_screen_has_the_leads_that_it_speaks_of(
    both: tuple[dict[str, Search], dict[str, Search]],
) -> None:
    """The runner-up's and the floor's on test, where both are compared; not trial 0's."""
    leaky, _ = both
    evidence = evidence_of(leaky)
    found = without_leaks(leaky, evidence)
    assert found is not None
    over = {(lead.other, lead.split): lead for lead in found.leads}
    (answer,) = section.blocks(leaky, evidence)
    assert isinstance(answer, Answer)
    runner_up, floor = over["llrd", "test"], over["the best floor", "test"]
    assert (
        f"Without the rows that are in train, supcon has {runner_up.without} points on test over"
        f" llrd (with them: {runner_up.whole}), {floor.without} points on test over the best floor"
        f" (with them: {floor.whole})"
    ) in " ".join(answer.warnings)
    only_validation = {
        name: replace(search, problems=search.problems[search.problems["split"] == "validation"])
        for name, search in leaky.items()
        if search.problems is not None
    }
    (answer,) = section.blocks(only_validation, evidence)
    assert isinstance(answer, Answer)
    assert not any("that are in train, supcon has" in line for line in answer.warnings)


def test_the_best_floor_stays_the_one_that_was_the_best(tmp_path: Path) -> None:
    """Of two floors, one that is ahead only by the leaked rows is compared without them too."""
    bits = drawn(0.9, 0)
    ahead, behind = (np.zeros(SENTENCES, dtype=bool) for _ in range(2))
    ahead[LEAKED["validation"]], behind[0] = True, True
    floors = [
        {**FLOOR, "regime": name, "validation_accuracy": float(row.mean())}
        for name, row in (("majority", behind), ("tfidf", ahead))
    ]
    runs = {("report", 2, seed, "validation"): row for seed, row in enumerate(bits["validation"])}
    runs |= {
        ("majority", 0, 0, "validation"): behind,
        ("tfidf", 0, 0, "validation"): ahead,
    }
    found = without_rows(
        read_summary(floors=floors, confirmed_accuracy=[0.9, 0.9]),
        Correct(runs, 2),
        {"validation": LEAKED["validation"]},
    )
    assert found is not None and [floor.regime for floor in found[0].floors] == ["tfidf"]
    assert found[0].floors[0].validation_accuracy == 0


def test_nothing_is_said_where_it_is_not_known(
    both: tuple[dict[str, Search], dict[str, Search]],
) -> None:
    leaky, _ = both
    unknown = Evidence([search.summary for search in leaky.values()])
    assert without_leaks(leaky, unknown) is None
    spotless = {name: replace(search, problems=None) for name, search in leaky.items()}
    assert without_leaks(spotless, evidence_of(leaky)) is None


def test_a_summary_without_rows_keeps_what_chose_and_needs_all_bits() -> None:
    bits = drawn(0.9, 0)
    runs = {("report", 2, seed, "validation"): row for seed, row in enumerate(bits["validation"])}
    one = read_summary(choice_runs={"2": [0.9, 0.91], "0": [0.8]}, choice_accuracy=0.9)
    found = without_rows(one, Correct(runs, 2), {"validation": [0, 1], "test": []})
    assert found is not None
    changed, correct = found
    assert changed.confirmed_accuracy == pytest.approx(bits["validation"][:, 2:].mean(axis=1))
    assert (changed.validation_size, changed.choice_runs) == (SENTENCES - 2, {})
    assert (changed.selection_score, changed.test) == (one.selection_score, one.test)
    assert correct.reported("validation") is not None
    for rows in ({"test": [1]}, {"validation": [SENTENCES]}, {"validation": range(SENTENCES)}):
        assert without_rows(one, Correct(runs, 2), rows) is None
    assert without_rows(replace(one, metric="macro_f1"), Correct(runs, 2), {"test": []}) is None
