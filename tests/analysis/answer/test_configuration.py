"""The winner's hyperparameters on the first screen."""

from pathlib import Path

import pytest

from tests.analysis.answer.first_screen import answer
from tests.analysis.searches import TRIALS, summary, write_search


@pytest.mark.parametrize(
    ("optimizer", "shown"),
    [
        ("adamw", ["optimizer", "learning_rate", "batch_size"]),
        ("sgd", ["optimizer", "sgd_learning_rate", "momentum", "batch_size"]),
    ],
)
def test_the_configuration_has_what_its_optimizer_reads(
    optimizer: str, shown: list[str], tmp_path: Path
) -> None:
    values = {
        "optimizer": optimizer,
        "learning_rate": 1e-4,
        "sgd_learning_rate": 0.1,
        "momentum": 0.9,
    }
    own = {f"config.{name}": value for name, value in values.items()}
    trials = [row | own for row in TRIALS]
    write_search(tmp_path / "one", trials, outcome=summary("baseline"))
    configuration, _ = answer(tmp_path).codes
    assert {line.partition(":")[0] for line in configuration.lines} >= set(shown)
    hidden = {"learning_rate", "sgd_learning_rate", "momentum"} - set(shown)
    assert not hidden & {line.partition(":")[0] for line in configuration.lines}


@pytest.mark.parametrize("classifier", ["gradient", "ridge"])
def test_a_ridge_classifier_hides_what_one_by_gradient_reads(
    classifier: str, tmp_path: Path
) -> None:
    values = {"classifier": classifier, "head_epochs": 20, "label_smoothing": 0.1, "dropout": 0.3}
    own = {f"config.{name}": value for name, value in values.items()}
    write_search(tmp_path / "one", [row | own for row in TRIALS], outcome=summary("supcon"))
    configuration, _ = answer(tmp_path).codes
    names = {line.partition(":")[0] for line in configuration.lines}
    assert {"classifier", "dropout"} <= names
    assert ({"head_epochs", "label_smoothing"} <= names) is (classifier == "gradient")
    assert ("head_width" in names) is (classifier == "gradient")


@pytest.mark.parametrize("winner", [0, 2])
def test_the_configuration_names_trial_0s_values_where_they_differ(
    winner: int, tmp_path: Path
) -> None:
    write_search(tmp_path / "one", outcome=summary(winner_trial=winner))
    configuration, _ = answer(tmp_path).codes
    assert ("after #: trial 0, the defaults" in configuration.title) is (winner != 0)
