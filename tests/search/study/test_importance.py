"""What the scores of a search depended on: hand-made studies whose answers are known, from the
journal's parameters to the page."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState

from analysis import report
from analysis.hyperparameters import figures as space_figures
from analysis.read import space
from search.study import importance
from search.study.records import CONFIG
from tests.analysis.searches import EPOCH_FIELDS, Page, summary, write_search

SPACE: dict[str, BaseDistribution] = {
    "learning_rate": FloatDistribution(1e-5, 1e-3, log=True),
    "dropout": FloatDistribution(0.0, 0.9),
    "layers": IntDistribution(1, 12),
    "width": CategoricalDistribution([None, 64, 128, 256]),
    "optimizer": CategoricalDistribution(["sgd", "adamw"]),
}


def study_of(
    trials: list[tuple[dict[str, Any], float | None]], distributions: dict[str, BaseDistribution]
) -> optuna.Study:
    """A study of trials with these parameters and scores; None is a trial that was stopped
    early."""
    study = optuna.create_study(direction="maximize")
    for params, score in trials:
        state = TrialState.PRUNED if score is None else TrialState.COMPLETE
        own = {name: distributions[name] for name in params}
        attrs = {CONFIG.name: params}
        study.add_trial(
            optuna.trial.create_trial(
                params=params, distributions=own, value=score, state=state, user_attrs=attrs
            )
        )
    return study


def test_importances_are_in_their_known_order() -> None:
    """Scores that are 3 a + b, whatever c is: shares of 0.9, 0.1 and 0.

    `d`, which half of the trials have, can't be compared.
    """
    generator = np.random.default_rng(0)
    unit = FloatDistribution(0.0, 1.0)
    trials: list[tuple[dict[str, Any], float | None]] = []
    for number in range(60):
        a, b, c, d = map(float, generator.random(4))
        trials.append(
            ({"a": a, "b": b, "c": c, "e": 0.5} | ({"d": d} if number % 2 else {}), (3 * a + b) / 4)
        )
    trials += [({"a": 1.0, "b": 1.0, "c": 1.0, "e": 0.5}, None)] * 5
    rows = importance.importances(study_of(trials, dict.fromkeys("abcde", unit)))
    assert [row["name"] for row in rows] == ["a", "b", "c"] and {row["trials"] for row in rows} == {
        60
    }
    assert sum(row["importance"] for row in rows) == pytest.approx(1)
    assert rows[0]["importance"] > 4 * rows[1]["importance"] > 4 * rows[2]["importance"]


def test_of_many_trials_the_best_and_others_tell_what_mattered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importance, "MAX_IMPORTANCE_TRIALS", 60)
    generator = np.random.default_rng(0)
    trials: list[tuple[dict[str, Any], float | None]] = []
    for _ in range(200):
        a, b, c = map(float, generator.random(3))
        trials.append(({"a": a, "b": b, "c": c}, (3 * a + b) / 4))
    study = study_of(trials, dict.fromkeys("abc", FloatDistribution(0.0, 1.0)))
    rows = importance.importances(study)
    assert [row["name"] for row in rows] == ["a", "b", "c"] and {row["trials"] for row in rows} == {
        60
    }
    assert rows == importance.importances(study)


@pytest.mark.parametrize(
    "scores",
    [
        [0.1 * number for number in range(importance.MIN_IMPORTANCE_TRIALS - 1)],
        [0.5] * 20,
        [0.5, 0.5 + 1e-12] * 10,
        [],
        [0.5],
    ],
)
def test_too_few_scores_or_all_but_equal_ones_tell_nothing(scores: list[float]) -> None:
    trials: list[tuple[dict[str, Any], float | None]] = [
        ({"dropout": 0.01 * number}, score) for number, score in enumerate(scores)
    ]
    assert importance.importances(study_of(trials, SPACE)) == []


def test_ranges_are_written_and_read_as_they_were(tmp_path: Path) -> None:
    """Conditional ones too, which only one trial has."""
    first = {"learning_rate": 1e-4, "dropout": 0.1, "width": None, "optimizer": "sgd"}
    written = importance.ranges(study_of([(first, 0.5), ({"layers": 3}, None)], SPACE))
    (tmp_path / "space.json").write_text(json.dumps(written))
    assert space.read_space(tmp_path / "space.json") == {
        "learning_rate": space.SearchRange(1e-5, 1e-3, log=True),
        "dropout": space.SearchRange(0.0, 0.9, log=False),
        "width": space.Choices(("", "64", "128", "256")),
        "optimizer": space.Choices(("sgd", "adamw")),
        "layers": space.SearchRange(1, 12, log=False),
    }
    assert space.read_space(tmp_path / "none.json") == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "damaged"),
        ("[]", "not an object"),
        ('{"a": 1}', "not an object"),
        ('{"a": {"low": 1}}', "has no 'high'"),
        ('{"a": {"low": 2, "high": 1, "log": false}}', "'a' is no range"),
        ('{"a": {"low": 0, "high": 1, "log": true}}', "'a' is no range"),
        ('{"a": {"low": NaN, "high": 1, "log": false}}', "'a' is no range"),
        ('{"a": {"low": 0, "high": 1, "log": 1}}', "'log' is 1"),
        ('{"a": {"choices": 3}}', "'choices' is 3"),
    ],
)
def test_a_damaged_space_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "space.json").write_text(text)
    with pytest.raises(ValueError, match=said):
        space.read_space(tmp_path / "space.json")


@pytest.mark.parametrize(
    ("parameter", "value", "place", "edge"),
    [
        (space.SearchRange(1e-5, 1e-3, log=True), "0.0001", 0.5, ""),
        (space.SearchRange(1e-5, 1e-3, log=True), "0.00001", 0.0, "low"),
        (space.SearchRange(1e-5, 1e-3, log=True), "9.5e-4", math.log(95) / math.log(100), "high"),
        (space.SearchRange(0.0, 2.0, log=False), "1.5", 0.75, ""),
        (space.SearchRange(0.0, 2.0, log=False), "1.95", 0.975, "high"),
        (space.SearchRange(0.0, 2.0, log=False), "3", None, ""),
        (space.SearchRange(0.0, 2.0, log=False), "", None, ""),
        (space.SearchRange(1.0, 1.0, log=False), "1.0", None, ""),
        (space.Choices(("32", "64", "128")), "128", 1.0, "high"),
        (space.Choices(("32", "64", "128")), "32", 0.0, "low"),
        (space.Choices(("32", "64", "128")), "64", 0.5, ""),
        (space.Choices(("", "64", "128", "256")), "256", 1.0, "high"),
        (space.Choices(("", "64", "128", "256")), "", 0.0, ""),
        (space.Choices(("sgd", "adamw", "lion")), "lion", 1.0, ""),
        (space.Choices(("False", "True")), "True", 1.0, ""),
        (space.Choices(("one",)), "one", 0.5, ""),
        (space.Choices(("one",)), "two", None, ""),
    ],
)
def test_places_and_edges(
    parameter: space.SearchRange | space.Choices, value: str, place: float | None, edge: str
) -> None:
    actual = parameter.place(value)
    assert math.isnan(actual) if place is None else actual == pytest.approx(place)
    assert parameter.edge(actual) == edge


def searched(folder: Path, scores: list[float | None], rates: list[float], **changes: Any) -> Path:
    """A search's folder: a learning rate and a score a trial, None where it was stopped early;
    width only where the number is even."""
    trials: list[dict[str, Any]] = [
        {
            "number": number,
            "state": "PRUNED" if score is None else "COMPLETE",
            "best_validation_accuracy": 0.3 if score is None else score,
            "epochs": 1 if score is None else 3,
            "suggested": "learning_rate width" if number % 2 == 0 else "learning_rate",
            "config.learning_rate": rate,
            "config.width": None if number % 4 else 64,
        }
        for number, (score, rate) in enumerate(zip(scores, rates))
    ]
    best = max(
        (row for row in trials if row["state"] == "COMPLETE"),
        key=lambda row: row["best_validation_accuracy"],
        default=None,
    )
    number = None if best is None else best["number"]
    outcome = summary(
        best_trial=number,
        winner_trial=number,
        best_validation_accuracy=best and best["best_validation_accuracy"],
        **changes,
    )
    write_search(folder, trials, outcome)
    (folder / "space.json").write_text(
        json.dumps(
            {
                "learning_rate": {"low": 1e-5, "high": 1e-3, "log": True},
                "width": {"choices": [None, 64]},
            }
        )
    )
    (folder / "importances.csv").write_text(
        "name,importance,trials\nlearning_rate,0.75,10\nwidth,0.25,10\n"
    )
    return folder


def test_the_report_marks_a_best_value_at_the_edge(tmp_path: Path) -> None:
    folder = searched(tmp_path / "one", [0.5, 0.6, None, 0.9], [1e-5, 1e-4, 1e-4, 9.9e-4])
    page = Page(report.report(folder).read_text())
    assert (
        "At the edge of its range is the best trial's learning_rate." in page.text
        and "At the edge of its range: learning_rate (high end)." in page.text
    )
    edges = pandas.read_csv(folder / "report_edges.csv").fillna("")
    assert edges[["parameter", "edge"]].to_numpy().tolist() == [
        ["learning_rate", "high"]
    ]  # trial 3 was given no width
    slices = pandas.read_csv(folder / "report_slices.csv")
    assert len(slices) == 4 + 2 and set(slices[slices["parameter"] == "width"]["number"]) == {0, 2}
    rate = slices[slices["parameter"] == "learning_rate"].sort_values("number")
    assert rate["place"].tolist() == pytest.approx([0, 0.5, 0.5, math.log(99) / math.log(100)])
    assert rate["final_stage_accuracy"].tolist() == [0.5, 0.6, 0.3, 0.9]
    assert pandas.read_csv(folder / "report_importances.csv")["importance"].tolist() == [0.75, 0.25]


@pytest.mark.parametrize("trials", [4, 8])
def test_the_report_says_when_ranges_were_wide_enough(trials: int, tmp_path: Path) -> None:
    """Few trials say nothing about it."""
    scores = [0.5, 0.9, None, 0.6, *[0.4] * 4][:trials]
    folder = searched(tmp_path / "one", scores, [1e-5, 1e-4, 1e-4, 9.9e-4, *[1e-4] * 4][:trials])
    text = Page(report.report(folder).read_text()).text
    assert "No value of the best trial is at the edge of its range" in text
    assert ("the ranges were wide enough" in text) is (trials == 8)


def test_trials_too_few_to_rank_are_listed_with_what_they_differ_in(tmp_path: Path) -> None:
    folder = searched(tmp_path / "one", [0.5, 0.9, None, 0.6], [1e-5, 1e-4, 1e-4, 9.9e-4])
    shown = (report.report(folder).with_suffix(".md")).read_text()
    assert "| parameter | trial 1, 90.0 % | trial 3, 60.0 % | trial 0, 50.0 % |" in shown
    assert "| learning_rate | 0.0001 | 0.00099 | 1e-05 |" in shown
    assert "| width | none | none | 64 |" in shown


def test_two_parameters_of_which_one_is_a_choice_are_not_called_numbers(tmp_path: Path) -> None:
    folder = searched(tmp_path / "one", [0.5, 0.6, 0.7, 0.8, 0.9], [1e-5, 1e-4, 3e-4, 4e-4, 9e-4])
    said = Page(report.report(folder).read_text()).text
    assert (
        "Two important parameters together" in said
        and "that are numbers" not in said
        and "interpolated" not in said
    )
    trials = pandas.read_csv(folder / "trials.csv", dtype=str)
    trials.assign(
        **{"config.width": ["8", "9", "30", "12", "20"], "suggested": "learning_rate width"}
    ).to_csv(folder / "trials.csv")
    spaces = {
        "learning_rate": {"low": 1e-5, "high": 1e-3, "log": True},
        "width": {"low": 8, "high": 32, "log": False},
    }
    (folder / "space.json").write_text(json.dumps(spaces))
    said = Page(report.report(folder).read_text()).text
    assert "The two most important parameters that are numbers" in said and "interpolated" in said


@pytest.mark.parametrize("scores", [[0.5], [None], [0.5] * 6, [None] * 3])
def test_one_trial_ties_and_none_at_full_budget(tmp_path: Path, scores: list[float | None]) -> None:
    folder = searched(tmp_path / "one", scores, [1e-4] * len(scores))
    assert "Which hyperparameters mattered" in Page(report.report(folder).read_text()).text


def test_a_search_of_failed_trials_has_no_scores_to_place(tmp_path: Path) -> None:
    folder = searched(tmp_path / "one", [0.5, 0.6], [1e-4] * 2)
    trials = pandas.read_csv(folder / "trials.csv", dtype=str).assign(
        state="FAIL", best_validation_accuracy=None
    )
    trials.to_csv(folder / "trials.csv", index=False)
    report.report(folder)
    assert pandas.read_csv(folder / "report_slices.csv").empty


@pytest.mark.parametrize(
    "points",
    [
        [(0.1, 0.1, 0.5), (0.5, 0.5, 0.6), (0.9, 0.9, 0.7), (0.2, 0.2, 0.4), (0.3, 0.3, 0.4)],
        [(0.1, 0.1, 0.5), (0.5, 0.9, 0.5), (0.9, 0.2, 0.5), (0.2, 0.7, 0.5)],
        [(0.1, 0.1, 0.5), (0.5, 0.9, 0.6), (0.9, 0.2, 0.7), (0.2, 0.7, 0.8), (0.2, 0.7, 0.8)],
        [(0.1, 0.1, 0.5), (0.1, 0.1, 0.7)],
    ],
    ids=["on a line", "equal scores", "a square", "one place"],
)
def test_two_parameters_are_drawn_wherever_points_lie(
    points: list[tuple[float, float, float]],
) -> None:
    frame = pandas.DataFrame(
        [
            {"number": number, "x": x, "y": y, "final_stage_score": score}
            for number, (x, y, score) in enumerate(points)
        ]
    )
    both = {name: space.SearchRange(0.0, 1.0, log=False) for name in "xy"}
    assert space_figures.contour(frame, "x", "y", both, 0).startswith("<svg")


def test_a_report_of_400_trials_is_small(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    scores: list[float | None] = [
        None if draw < 0.6 else draw for draw in map(float, generator.random(400))
    ]
    folder = searched(
        tmp_path / "one", scores, [float(rate) for rate in 10 ** generator.uniform(-5, -3, 400)]
    )
    assert report.report(folder).stat().st_size < 5_000_000


def test_how_early_trials_can_be_judged_is_in_the_report(tmp_path: Path) -> None:
    """Five trials in whose first epoch the order is reversed."""
    folder = searched(tmp_path / "one", [0.5, 0.6, 0.7, 0.8, 0.9], [1e-4] * 5)
    rows = []
    for trial, score in enumerate([0.5, 0.6, 0.7, 0.8, 0.9]):
        rows += [
            {
                "trial": trial,
                "seed": 0,
                "kind": "search",
                "epoch": epoch,
                "stage": "fine-tune",
                "validation_accuracy": value,
                "seconds": 1,
            }
            for epoch, value in enumerate((1 - score, score, score), 1)
        ]
    pandas.DataFrame(rows, columns=EPOCH_FIELDS.split()).to_csv(folder / "epochs.csv", index=False)
    page = Page(report.report(folder).read_text())
    assert "How early can a trial be judged?" in page.text
    table = pandas.read_csv(folder / "report_rungs.csv")
    assert table["correlation"].round(9).tolist() == [-1, 1, 1]


def test_searches_of_which_some_have_too_few_trials_make_one_report(tmp_path: Path) -> None:
    """Tables of both under each other: what one search has as numbers is missing in the other."""
    searched(tmp_path / "a", [0.5], [1e-4])
    (tmp_path / "a" / "importances.csv").unlink()
    searched(tmp_path / "b", [0.5, 0.6, 0.7, 0.8, None, 0.9], [1e-4] * 6)
    report.report(tmp_path)
    rungs = pandas.read_csv(tmp_path / "report_rungs.csv")
    assert set(rungs["search"]) == {"b"} and rungs["n"].tolist() == [5, 5, 5]
    assert set(pandas.read_csv(tmp_path / "report_importances.csv")["search"]) == {"b"}
