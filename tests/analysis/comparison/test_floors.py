"""Floors in the comparison: their rows, the distance to them, and who wins."""

from pathlib import Path
from typing import Any

import pytest

from analysis.comparison.conditions import remarks
from analysis.comparison.differences import differences
from analysis.comparison.floors import verdicts
from analysis.comparison.numbers import numbers
from analysis.comparison.table import note, table
from analysis.evidence import Evidence
from analysis.read.folder import read_searches
from analysis.tables import tables
from tests.analysis.searches import read_summary, summary, write_search

FLOORS: list[dict[str, Any]] = [
    {
        "regime": "tfidf",
        "chosen": "",
        "validation_accuracy": 0.86,
        "validation_loss": 0.7,
        "seconds": 5.0,
        "test_accuracy": 0.85,
        "test_loss": 0.8,
        "test_loss_paper": 0.05,
    },
    {
        "regime": "probe",
        "chosen": "pooling=mean C=0.03",
        "validation_accuracy": 0.87,
        "validation_loss": None,
        "seconds": 12.4,
        "test_accuracy": None,
        "test_loss": None,
        "test_loss_paper": None,
    },
]


def test_floors_have_a_row_each_below_the_searches() -> None:
    frame = table([read_summary("supcon", floors=FLOORS), read_summary(floors=FLOORS)])
    assert list(frame["regime"]) == ["baseline", "supcon", "probe (floor)", "tfidf (floor)"]
    tfidf = frame.set_index("regime").loc["tfidf (floor)"]
    assert (tfidf["confirmed val"], tfidf["test"], tfidf["loss"]) == ("86.0", "85.0", "0.800")
    assert frame.set_index("regime").loc["probe (floor)", "test"] == "\N{EN DASH}"


def test_over_floor_is_the_mean_distance_to_the_best_floor_with_the_winners_interval() -> None:
    summary = read_summary(floors=FLOORS, confirmed_accuracy=[0.89, 0.91])
    (row,) = numbers([summary]).to_dict("records")
    assert row["over_floor"] == pytest.approx(0.9 - 0.87)
    assert row["over_floor_half_width"] == row["confirmed_score_half_width"] > 0
    assert row["over_floor_split"] == "validation"
    assert row["floor"] == "probe" and row["floor_validation_score"] == 0.87
    half_width = f"{100 * row['confirmed_score_half_width']:.1f}"
    assert table([summary])["over floor"][0] == f"+3.0 ± {half_width}"
    unconfirmed = read_summary(floors=FLOORS, confirmed_accuracy=[], confirmed_seeds=[], test=[])
    assert table([unconfirmed])["over floor"][0] == "\N{EN DASH}"


def test_over_floor_is_on_the_test_split_where_both_have_been_tested() -> None:
    floors = [{**floor, "test_accuracy": 0.85} for floor in FLOORS]
    tested = [{**run, "test_accuracy": 0.88} for run in read_summary().to_dict()["test"]]
    (row,) = numbers([read_summary(floors=floors, test=tested)]).to_dict("records")
    assert row["over_floor"] == pytest.approx(0.88 - 0.85) and row["over_floor_split"] == "test"


def test_without_floors_nothing_is_said_about_them() -> None:
    summaries = [read_summary()]
    assert "over floor" not in table(summaries) and verdicts(summaries) == []
    assert not any("Floors" in line for line in remarks(summaries))
    assert any("Floors" in line for line in remarks([read_summary(floors=FLOORS)]))


@pytest.mark.parametrize(
    ("choice", "best", "wins"),
    [
        (0.88, 0.9, False),
        (0.86, 0.9, True),
        (0.87, 0.9, True),
        (None, 0.9, False),
        (None, 0.8, True),
    ],
)
def test_a_floor_wins_unless_what_chose_the_winner_is_above_it(
    choice: float | None, best: float, wins: bool
) -> None:
    """Never by reported runs or the test split. Of equals the floor wins: it is cheaper."""
    summary = read_summary(floors=FLOORS, choice_accuracy=choice, best_validation_accuracy=best)
    assert summary.floor_wins is wins and len(verdicts([summary])) == wins
    if wins:
        assert "probe (pooling=mean C=0.03) has 87.0 %" in verdicts([summary])[0]
        assert verdicts([summary])[0] in note([summary])


def test_before_a_trial_completes_no_score_is_made_up_for_it() -> None:
    found = read_summary(
        floors=FLOORS, choice_accuracy=None, best_trial=None, best_validation_accuracy=None
    )
    (said,) = verdicts([found])
    assert said.startswith("Until a trial completes, best.yaml holds the best floor: probe")
    assert "87.0 % on validation" in said and " 0.0 %" not in said


def test_one_search_above_the_floor_is_enough() -> None:
    low = read_summary("supcon", floors=FLOORS, choice_accuracy=0.5)
    high = read_summary("baseline", floors=FLOORS, choice_accuracy=0.9)
    assert verdicts([low]) and verdicts([low, high]) == []


def test_searches_on_other_data_have_a_verdict_of_their_own() -> None:
    others = [{**floor, "validation_accuracy": 0.99} for floor in FLOORS]
    here = read_summary("supcon", floors=FLOORS, choice_accuracy=0.9)
    there = read_summary("llrd", floors=others, choice_accuracy=0.9, data="other")
    (said,) = verdicts([here, there])
    assert "llrd" in said and "99.0 %" in said
    assert len(table([here, there])) == 2 + 4


def test_the_csv_file_has_a_row_for_each_floor(tmp_path: Path) -> None:
    write_search(tmp_path / "one", outcome=summary(floors=FLOORS))
    searches = read_searches(tmp_path)
    evidence = Evidence([search.summary for search in searches])
    comparison = tables(searches, evidence)["comparison"]
    assert list(comparison["name"]) == ["baseline-1", "probe (floor)", "tfidf (floor)"]
    assert list(comparison["confirmed_accuracy_mean"])[1:] == [0.87, 0.86]
    assert list(comparison["data"]) == ["massive"] * 3


@pytest.mark.parametrize(("floor", "told"), [(0.86, True), (0.888, False)])
def test_a_floor_is_told_apart_where_new_sentences_tell_it_too(floor: float, told: bool) -> None:
    """The runs are so alike that over seeds alone, both floors would be."""
    scores = [0.9 + 1e-4 * number for number in range(8)]
    changes: dict[str, Any] = {
        "confirmed_accuracy": scores,
        "confirmed_seeds": list(range(8)),
        "test": [],
    }
    own = [{**FLOORS[0], "validation_accuracy": floor}]
    summary = read_summary(floors=own, **changes)
    split, rows = differences({"baseline": summary}, "baseline", Evidence([summary]))
    (row,) = rows.to_dict("records")
    assert split == "validation" and abs(row["difference"]) > row["half_width"]
    assert bool(row["different"]) is told
