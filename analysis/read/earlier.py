"""What earlier versions wrote, translated to today's names while it is read.

Earlier versions had several names for one metric. This is the only file that knows them, for
results folders, journals and recipes.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # pandas takes a second to import.
    import pandas

SUMMARY_NAMES = {
    "paper_config_validation": "paper_config_validation_accuracy",
    "best_validation": "best_validation_accuracy",
    "choice_validation": "choice_accuracy",
    "confirmed": "confirmed_accuracy",
}
"""Fields of summary.json: the earlier name and today's."""
TEST_NAMES = {"accuracy": "test_accuracy", "loss": "test_loss", "paper_loss": "test_loss_paper"}
"""A run's scores on the test split, in summary.json, the journal and recipes."""
EPOCH_NAMES = {"best_accuracy": "best_validation_accuracy"}
"""An epoch's metrics, in the journal, epochs.csv and trials.csv."""
RECIPE_NAMES = {
    "search_validation_accuracy": "best_validation_accuracy",
    "choice_validation_accuracy": "choice_accuracy",
    "confirmed_validation_accuracy": "confirmed_accuracy",
}
"""Scores of a recipe."""
RUN_KINDS = {"confirm": "choice"}
"""Values of the column `kind` of epochs.csv."""


def renamed(content: Mapping[Any, Any], names: Mapping[str, str]) -> dict[Any, Any]:
    """Fields under their new names; a new name that is there already wins."""
    return {
        names.get(name, name): value
        for name, value in content.items()
        if names.get(name, name) == name or names[name] not in content
    }


def translate_summary(content: Any) -> Any:
    """summary.json's content under today's names; content of today's version is unchanged."""
    if not isinstance(content, Mapping):
        return content
    summary = renamed(content, SUMMARY_NAMES)
    if isinstance(summary.get("test"), list):
        summary["test"] = [
            renamed(run, TEST_NAMES) if isinstance(run, Mapping) else run for run in summary["test"]
        ]
    return summary


def translate_trials(trials: "pandas.DataFrame") -> "pandas.DataFrame":
    """trials.csv with one column `best_validation_accuracy`.

    Earlier versions had two: `validation_accuracy` of COMPLETE trials only, and `best_accuracy`,
    the best so far of any trial. For a COMPLETE trial, the first is the one it was ranked by.
    """
    trials = trials.rename(columns=EPOCH_NAMES)
    best = "best_validation_accuracy"
    if "validation_accuracy" not in trials or best not in trials:
        return trials
    ranked_by = trials["validation_accuracy"].fillna(trials[best])
    return trials.assign(**{best: ranked_by}).drop(columns="validation_accuracy")


def translate_epochs(epochs: "pandas.DataFrame") -> "pandas.DataFrame":
    """epochs.csv under today's names."""
    return epochs.rename(columns=EPOCH_NAMES).replace({"kind": RUN_KINDS})
