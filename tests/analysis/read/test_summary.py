"""summary.json and `Summary`: each holds what the other does."""

import json
from dataclasses import fields
from typing import Any

import pytest

from analysis.read.summary import ContrastiveLoss, Summary, TestRun
from tests.analysis.searches import read_summary, summary


def test_a_summary_is_written_as_it_was_read() -> None:
    content = summary(
        choice_accuracy=0.87,
        choice_runs={"2": [0.86, 0.88], "0": [0.85]},
        confirmed_failed=1,
        last_contrastive_loss={"sum": 180.0, "mean": 1.0},
    )
    read = Summary.from_dict(json.loads(json.dumps(content)))
    assert json.loads(json.dumps(read.to_dict())) == content
    assert Summary.from_dict(read.to_dict()) == read
    assert set(content) == {field.name for field in fields(Summary)}


def test_nested_records_are_typed() -> None:
    read = read_summary(last_contrastive_loss={"sum": 180.0, "mean": 1.0})
    assert read.test[0] == TestRun(0.88, 0.5, 0.03, seed=1000, test_macro_f1=0.85)
    assert read.last_contrastive_loss == ContrastiveLoss(180.0, 1.0)
    assert read.test_scores == (0.88, 0.90)


def test_fields_that_a_reader_does_not_know_are_ignored() -> None:
    assert read_summary(added_later=1) == read_summary()


def test_the_winner_is_the_best_trial_until_one_is_chosen() -> None:
    assert read_summary(winner_trial=5).winner == 5
    assert read_summary(winner_trial=None).winner == 2
    assert read_summary(winner_trial=None, best_trial=None).winner is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": 1}, "'name' is 1"),
        ({"epochs": 2.5}, "'epochs' is 2.5"),
        ({"comparable": 1}, "'comparable' is 1"),
        ({"seconds": True}, "'seconds' is True"),
        ({"batch_size": "16"}, "'batch_size' is '16'"),
        ({"states": {"COMPLETE": "two"}}, "'states' is 'two'"),
        ({"states": []}, r"'states' is \[\]"),
        ({"test": {}}, "'test' is {}"),
        ({"test": [3]}, "not an object"),
        ({"confirmed_accuracy": [None]}, "'confirmed_accuracy' is None"),
        ({"last_contrastive_loss": {"sum": 1.0}}, "it has no 'mean'"),
        ({"seconds": 2**60}, "'seconds' is"),
    ],
)
def test_a_wrong_field_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"'mine' is damaged: .*{message}"):
        Summary.from_dict(summary(**changes), "mine")


def test_a_missing_field_is_named() -> None:
    content = summary()
    del content["states"]
    with pytest.raises(ValueError, match="has no 'states'"):
        Summary.from_dict(content)


def test_a_recipe_without_chance_is_known_by_its_runs() -> None:
    runs = read_summary().to_dict()["test"]
    same = [runs[0], {**runs[0], "seed": 1001}]
    assert read_summary(test=same).same_on_every_seed
    assert not read_summary().same_on_every_seed
    # One accuracy with two losses is chance, and so are two equal ones without a loss.
    assert not read_summary(test=[same[0], {**same[1], "test_loss": 0.6}]).same_on_every_seed
    assert not read_summary(test=[], confirmed_accuracy=[0.9, 0.9]).same_on_every_seed
    assert read_summary(test=[], confirmed_accuracy=[0.9, 0.9, 0.9]).same_on_every_seed
    tied = read_summary(test=[], confirmed_accuracy=[0.9, 0.9], choice_runs={"2": [0.9]})
    assert tied.same_on_every_seed
